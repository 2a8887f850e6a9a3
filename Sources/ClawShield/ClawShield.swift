// Module ClawShield: begun, see Docs/Status.md.
