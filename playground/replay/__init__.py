"""What the page of a run says beside its stage: pure folds of the journal, each with its whole past."""
