"""Archives: tar streams read (`tar`, `sparse`, `compression`), directories read alike (`directory`), and both written
into a directory that nothing gets out of (`unpack`)."""
