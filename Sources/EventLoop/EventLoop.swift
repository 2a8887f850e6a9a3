// Module EventLoop: begun, see Docs/Status.md.
