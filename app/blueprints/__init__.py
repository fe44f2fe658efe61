"""The routes: thin, one file per subject; none imports another."""
