// What jsdom lacks and Lumino, below the widget manager, expects of a browser.

class FakeDragEvent extends MouseEvent {}

Object.assign(globalThis, { DragEvent: FakeDragEvent });
