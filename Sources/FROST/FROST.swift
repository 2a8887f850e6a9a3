// Module FROST: begun, see Docs/Status.md.
