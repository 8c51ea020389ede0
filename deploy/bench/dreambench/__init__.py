"""`dreamtuner bench dreambench` and `dreambench++`: published sets of subjects, run through the catalog."""
