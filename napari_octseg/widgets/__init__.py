"""The only code that knows napari and Qt: the Workbench and its panels."""
