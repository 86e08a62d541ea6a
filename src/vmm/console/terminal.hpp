// The terminal of the console in raw mode, and back again on every way out of the process: normal
// exit, a fatal signal, abort(), stop and continue.
//
// One per process. Everything here is for the main thread.
#pragma once

namespace orrery::vmm::terminal {

// True when DESCRIPTOR is a terminal and this process is in its foreground, or it is no controlling
// terminal of ours, with no foreground: only then may it be changed.
bool usable(int descriptor);

// Every byte goes to the program, no echo, no signals from keys; output is left as it is. Also
// installs handlers that call restore() before the process dies of a fatal signal.
void make_raw(int descriptor);

// Puts the terminal back as make_raw() found it. Async-signal-safe; may be called at any time.
void restore();

// After the process was stopped and continued: raw again, if it was.
void make_raw_again();

}  // namespace orrery::vmm::terminal
