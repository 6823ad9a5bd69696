"""`pyrun lab`: a private host on which people learn container networking with their own hands.

A lab is either *bridge*, a host on which nine stages have to be done, or *broken*, a network with a fault in it. What
is asked for is data (`stages`, `faults`); whether it is so, the kernel is asked (`sight`, `checks`, `probes`).
"""
