// Module Simulator: begun, see Docs/Status.md.
