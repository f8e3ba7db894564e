import CAllocationCount
print(allocation_count())
