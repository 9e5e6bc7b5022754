// A control whose action takes a while.

/** Run `action` with `control` out of reach until it is over; a problem is told. */
export async function busy(control, store, action) {
  if (control.disabled) return;
  control.disabled = true;
  try {
    await action();
  } catch (problem) {
    store.tell("problem", problem);
  } finally {
    control.disabled = false;
  }
}
