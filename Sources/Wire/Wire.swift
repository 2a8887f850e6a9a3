// Module Wire: begun, see Docs/Status.md.
