// Module Canonical: begun, see Docs/Status.md.
