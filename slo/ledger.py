"""The ledger in memory: good, total and measured time of every SLI, summed over any window.

To be written; see the contract.
"""
