//! How a kernel is launched.

use super::Refusal;
use super::layout::{LANES, Layout, Mode};
use super::product::{self, Cut, Product};
use crate::ir::{Extent, Kernel};

/// The grid, the block, and the memory that goes with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Blocks, along the first axis of the grid.
    pub grid: u32,
    /// Threads of a block.
    pub block: u32,
    /// Bytes of shared memory of a block.
    pub shared: u32,
    /// How many of these bytes the launch must ask for; the kernel declares the others.
    pub dynamic: u32,
    /// Bytes of local arrays of a thread that are too large for registers and shared memory.
    pub local: u32,
}

impl Launch {
    /// The launch of a kernel for a batch.
    ///
    /// # Errors
    /// If it does not fit on a GPU.
    pub fn of(kernel: &Kernel, batch: usize) -> Result<Self, Refusal> {
        let layout = Layout::of(kernel)?;
        if let Some(product) = Product::of(kernel) {
            let cut = Cut::of(&product);
            let grid = blocks(&kernel.name, product.tiles(cut))?;
            let (block, shared) = (product::THREADS as u32, cut.shared() as u32);
            return Ok(Launch { grid, block, shared, dynamic: 0, local: layout.local() as u32 });
        }
        let pieces = pieces_extent(kernel).at(batch) as u64;
        let each = match layout.mode {
            Mode::Thread => layout.warps * LANES,
            Mode::Warp => layout.warps,
        };
        let grid = blocks(&kernel.name, pieces.div_ceil(each as u64))?;
        Ok(Launch {
            grid,
            block: (layout.warps * LANES) as u32,
            shared: layout.shared() as u32,
            dynamic: if layout.asks() { layout.shared() as u32 } else { 0 },
            local: layout.local() as u32,
        })
    }
}

/// The number of blocks, if a grid can have so many.
pub(super) fn blocks(kernel: &str, blocks: u64) -> Result<u32, Refusal> {
    match u32::try_from(blocks) {
        Ok(n) if n <= i32::MAX as u32 => Ok(n),
        _ => Err(Refusal::Blocks { kernel: kernel.to_string(), blocks }),
    }
}

/// How many pieces a kernel has: threads or warps. Where lanes are shared out, each has a thread.
pub(super) fn pieces_extent(kernel: &Kernel) -> Extent {
    kernel.parallel().iter().fold(Extent::fixed(1), |all, (_, extent)| Extent {
        count: all.count * extent.count,
        batch: all.batch || extent.batch,
    })
}
