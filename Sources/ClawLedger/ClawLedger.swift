// Module ClawLedger: begun, see Docs/Status.md.
