"""Archives of fields (zip, tar): entries unpacked one by one in a child process, within limits."""
