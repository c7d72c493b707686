// The end of the process while the engine is at work. Node stops and joins the workers one after
// the other; one that is blocked in a fault ends only when its page comes, and the store that has
// to bring it may be in a worker that was stopped before. Then nobody but us can end the process.
#pragma once

namespace umap {

// Main thread, at the 'exit' event, when its JavaScript is done: from now on store hosts are not
// waited for. Where threads stay blocked because of them, the process ends with `exit_code`.
void BeginExit(int exit_code);

// True after BeginExit.
bool IsProcessExiting();

// When no thread runs JavaScript any more: fails what waits for stores in JavaScript, lets regions
// that are being closed come to their end, and the engine write back what is left. Thread-safe, and
// done once.
void FinishAtExit();

}  // namespace umap
