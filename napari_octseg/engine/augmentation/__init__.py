"""Random changes of training scans that scanners and eyes make too."""
