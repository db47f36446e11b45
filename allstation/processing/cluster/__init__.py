"""A laboratory's machines: fields and training runs on Dask. The only place that imports it.

The scheduler carries paths and results only: workers read the files themselves and know models by their
hash. Requests and answers are MessagePack of a closed list of types (:mod:`.wire`); Dask itself pickles the
call around them, between ends that have shown each other certificates of the laboratory's own authority.
"""
