//! A program that gets no memory says so by its exit status, as Keepalived does, instead of dying of a signal.
//!
//! A wrapper around the system's allocator, because what the language offers instead (`set_alloc_error_hook`) is not stable.

use std::alloc::{GlobalAlloc, Layout, System};

/// For a program that cannot go on without: also not where it asked whether there is enough.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrExit;

/// Keepalived's.
const NO_MEMORY: i32 = 204;

const SAID: &[u8] = b"out of memory\n";

/// By nothing that could want memory itself: no buffer, no destructor.
#[allow(unsafe_code)]
fn or_exit(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        // SAFETY: the kernel reads as many bytes as there are; then the process ends, whatever state it is in.
        unsafe {
            libc::write(libc::STDERR_FILENO, SAID.as_ptr().cast(), SAID.len());
            libc::_exit(NO_MEMORY)
        }
    }
    memory
}

// SAFETY: each call is handed to the system's allocator as it came, and what that returns is returned. What it did not give is
// not returned at all.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for OrExit {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller promises us what `System` asks for.
        or_exit(unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above; `memory` is `System`'s, because all of ours is.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as for `alloc`.
        or_exit(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as for `dealloc`.
        or_exit(unsafe { System.realloc(memory, layout, size) })
    }
}
