//! One allocation for everything a session holds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::NonNull;

/// Everything starts at multiples of this many bytes.
pub const ALIGN: usize = 64;

/// A place in memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Where it starts; a multiple of [`ALIGN`].
    pub offset: usize,
    /// How many 4-byte elements it has.
    pub len: usize,
}

/// Memory that kernels work on through pointers. Whoever owns the session owns access to it: kernels run
/// only under `&mut` of the session.
#[derive(Debug)]
pub struct Memory {
    base: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the memory belongs to nothing but this value; reading and writing go through the session.
unsafe impl Send for Memory {}
// SAFETY: as above; threads of a kernel write disjoint elements.
unsafe impl Sync for Memory {}

impl Memory {
    /// Zeroed memory, if the system has so much. It is asked itself: an allocator for small things may promise what
    /// is not there, and the process would be ended when it is touched.
    #[must_use]
    pub fn new(bytes: usize) -> Option<Self> {
        let layout = Layout::from_size_align(bytes.max(ALIGN), ALIGN).ok()?;
        // SAFETY: the layout has a size that is not zero.
        let base = NonNull::new(unsafe { System.alloc_zeroed(layout) })?;
        Some(Memory { base, layout })
    }

    /// How many bytes there are.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.layout.size()
    }

    /// The pointer to a region.
    pub(super) fn pointer(&self, region: Region) -> *mut u8 {
        assert!(region.offset + region.len * 4 <= self.layout.size(), "a region inside the memory");
        // SAFETY: within the allocation, as just checked.
        unsafe { self.base.as_ptr().add(region.offset) }
    }

    /// The floats of a region.
    pub(crate) fn floats(&self, region: Region) -> &[f32] {
        // SAFETY: within bounds and aligned; any bits are a float; no kernel runs while the session is
        // borrowed for reading.
        unsafe { std::slice::from_raw_parts(self.pointer(region).cast(), region.len) }
    }

    /// The integers of a region.
    pub(crate) fn ints(&self, region: Region) -> &[i32] {
        // SAFETY: as for floats.
        unsafe { std::slice::from_raw_parts(self.pointer(region).cast(), region.len) }
    }

    /// Writes 4-byte elements into a region. Only a session that is borrowed mutably may do so.
    pub(crate) fn fill<T: Copy>(&self, region: Region, data: &[T]) {
        assert!(size_of::<T>() == 4 && data.len() == region.len, "as many elements as the region has");
        // SAFETY: within bounds, aligned, and no kernel runs while the session is borrowed for writing.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), self.pointer(region).cast(), data.len()) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { System.dealloc(self.base.as_ptr(), self.layout) }
    }
}
