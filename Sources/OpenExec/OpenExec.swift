// Module OpenExec: begun, see Docs/Status.md.
