module llmsched

go 1.19
