// Module Schema: begun, see Docs/Status.md.
