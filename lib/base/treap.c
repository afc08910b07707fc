/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A treap (Seidel, Aragon 1996): a search tree that is a heap by priority too, so that it stays
 * shallow. What a subtree comes to is summed up on the way.
 */
#include "base/internal.h"

/* What goes before at, and what goes after it. */
static void split(const lls_treap *t, lls_leaf *root, const lls_leaf *at, lls_leaf **left,
                  lls_leaf **right)
{
    if (root == NULL) {
        *left = *right = NULL;
        return;
    }
    if (t->before(root, at)) {
        split(t, root->right, at, &root->right, right);
        *left = root;
    } else {
        split(t, root->left, at, left, &root->left);
        *right = root;
    }
    t->sum_up(root);
}

/* All of a go before all of b. */
static lls_leaf *merge(const lls_treap *t, lls_leaf *a, lls_leaf *b)
{
    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    lls_leaf *root = a->priority > b->priority ? a : b;
    if (root == a)
        a->right = merge(t, a->right, b);
    else
        b->left = merge(t, a, b->left);
    t->sum_up(root);
    return root;
}

static lls_leaf *insert(const lls_treap *t, lls_leaf *root, lls_leaf *leaf)
{
    if (root == NULL || leaf->priority > root->priority) {
        split(t, root, leaf, &leaf->left, &leaf->right);
        root = leaf;
    } else if (t->before(leaf, root)) {
        root->left = insert(t, root->left, leaf);
    } else {
        root->right = insert(t, root->right, leaf);
    }
    t->sum_up(root);
    return root;
}

static lls_leaf *erase(const lls_treap *t, lls_leaf *root, const lls_leaf *leaf)
{
    if (root == leaf)
        return merge(t, leaf->left, leaf->right);
    if (t->before(leaf, root))
        root->left = erase(t, root->left, leaf);
    else
        root->right = erase(t, root->right, leaf);
    t->sum_up(root);
    return root;
}

void lls_treap_add(lls_treap *t, lls_leaf *leaf, uint32_t priority)
{
    leaf->priority = priority;
    t->root = insert(t, t->root, leaf);
}

void lls_treap_remove(lls_treap *t, lls_leaf *leaf)
{
    t->root = erase(t, t->root, leaf);
    leaf->left = leaf->right = NULL;
}
