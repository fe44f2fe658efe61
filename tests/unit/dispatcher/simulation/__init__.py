"""A seeded, single-threaded simulation of socket processes on one ledger, with the dispatcher's promises checked.

`ledger` behaves as `app.ledger` does, `process` acts on decisions as `app.hub` does, `tab` is what sits at the other
end of a connection, `promises` asserts D1–D9 after every event, `schedule` rolls the events of a seed, `healing` lets
good volunteers finish what a schedule left, `runs` plays seeds and prints the schedule of one that failed.
"""
