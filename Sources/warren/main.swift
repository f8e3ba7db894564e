import Kernel

print(Errno(111).description)
