// Module Records: begun, see Docs/Status.md.
