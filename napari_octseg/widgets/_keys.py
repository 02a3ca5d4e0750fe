"""Binds the keys of the Correct tab, whichever layer is selected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app_model.types import KeyBinding, KeyCode
from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtGui import QGuiApplication, QKeySequence
from qtpy.QtWidgets import QShortcut

from napari_octseg.widgets._key_table import ACTIONS
from napari_octseg.widgets._layers import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    import napari
    from qtpy.QtWidgets import QWidget

    from napari_octseg.widgets._key_table import KeyAction
    from napari_octseg.widgets._panel import Panel

    Deed = Callable[[], None]

_FIRST_MS = 350
_NEXT_MS = 50


class Keys(QObject):
    """Keys that do something while they are bound.

    napari asks the selected layer for a key before it asks the viewer, and its kinds of
    layers have keys of their own. So the keys are bound on the selected layer itself,
    which comes before its kind, and on the viewer; both get back what they had.

    Parameters
    ----------
    viewer, panel
        Where the keys are pressed.
    deeds
        What each action does. An action that is held has two: for press and release.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        panel: Panel,
        deeds: Mapping[str, Deed | tuple[Deed, Deed]],
        keys: Mapping[str, str],
    ) -> None:
        super().__init__(panel)
        self._viewer = viewer
        self._panel = panel
        self._deeds = deeds
        self._keys = dict(keys)
        self._bound = False
        self._had: list[tuple[Any, KeyBinding, Any]] = []
        self._layer: Any = None
        self._shortcuts: list[QShortcut] = []
        self._repeater = _Repeater(self)
        panel.listen(viewer.layers.selection.events.active, self._on_active)
        panel.closing.connect(self.unbind)

    @property
    def keys(self) -> dict[str, str]:
        """Keys by action."""
        return dict(self._keys)

    @property
    def is_bound(self) -> bool:
        """Whether the keys do something now."""
        return self._bound

    def choose(self, keys: Mapping[str, str]) -> None:
        """Take other keys."""
        bound = self._bound
        self.unbind()
        self._keys = dict(keys)
        if bound:
            self.bind()

    def bind(self) -> None:
        """Let the keys act."""
        if self._bound:
            return
        self._bound = True
        self._bind_on(self._viewer)
        self._on_active()
        window = self._panel.window()
        for action in self._actions():
            if binding_of(self._keys[action.id]) is None:
                self._shortcuts.append(self._shortcut(action, window))

    def unbind(self) -> None:
        """Give the keys back."""
        if not self._bound:
            return
        self._bound = False
        self._repeater.stop()
        self._give_back()
        self._layer = None
        for shortcut in self._shortcuts:
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._shortcuts.clear()

    def _actions(self) -> list[KeyAction]:
        return [a for a in ACTIONS if self._keys[a.id] and a.id in self._deeds]

    def _on_active(self, event: Any = None) -> None:
        if not self._bound:
            return
        layer = plain(self._viewer.layers.selection.active)
        if layer is self._layer:
            return
        if self._layer is not None:
            self._give_back(self._layer)
        self._layer = layer
        if layer is not None:
            self._bind_on(layer)

    def _bind_on(self, provider: Any) -> None:
        for action in self._actions():
            key = binding_of(self._keys[action.id])
            if key is None:
                continue
            had = provider.bind_key(key, self._function(action), overwrite=True)
            self._had.append((provider, key, had))

    def _give_back(self, only: Any = None) -> None:
        for provider, key, had in self._had:
            if only is None or provider is only:
                provider.bind_key(key, had, overwrite=True)
        self._had = [
            entry for entry in self._had if only is not None and entry[0] is not only
        ]

    def _function(self, action: KeyAction) -> Callable[[Any], Any]:
        deed = self._deeds[action.id]
        if isinstance(deed, tuple):
            press, release = deed

            def hold(_: Any) -> Generator[None, None, None]:
                press()
                yield
                release()

            return hold
        if action.repeats:

            def repeat(_: Any) -> Generator[None, None, None]:
                self._repeater.start(deed)
                yield
                self._repeater.stop()

            return repeat

        def once(_: Any) -> None:
            deed()

        return once

    def _shortcut(self, action: KeyAction, window: QWidget) -> QShortcut:
        """For keys that napari has no name for, such as the question mark."""
        deed = self._deeds[action.id]
        press = deed[0] if isinstance(deed, tuple) else deed
        shortcut = QShortcut(QKeySequence(self._keys[action.id]), window)
        shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
        shortcut.setAutoRepeat(action.repeats)
        shortcut.activated.connect(press)
        return shortcut


def binding_of(key: str) -> KeyBinding | None:
    """A key as napari's key maps hold it; None if they cannot."""
    binding = KeyBinding.from_str(key)
    known = all(part.key != KeyCode.UNKNOWN for part in binding.parts)
    return binding if known else None


class _Repeater(QObject):
    """Does something at once, and again and again until it is stopped.

    napari passes the repetitions of the keyboard on for the arrow keys only. This one
    leaves out those for which the window was too slow.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._deed: Deed | None = None
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._again)
        # The release of the key is lost with the focus.
        application = QGuiApplication.instance()
        assert isinstance(application, QGuiApplication)
        application.focusWindowChanged.connect(self.stop)

    def start(self, deed: Deed) -> None:
        self._deed = deed
        self._timer.start(_FIRST_MS)
        deed()

    def stop(self, *_: object) -> None:
        self._timer.stop()
        self._deed = None

    def _again(self) -> None:
        if self._deed is None:
            return
        self._timer.setInterval(_NEXT_MS)
        self._deed()
