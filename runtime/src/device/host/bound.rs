//! A step with everything it needs: function, addresses, pieces.

use super::gemm::Product;
use super::library::{Kernels, Loaded, Ready};
use super::memory::{Memory, Region};
use super::threads::Pool;
use arch_kernels::ir::{Buffers, Evaluator};
use arch_kernels::plan::{Action, Plan, SlotId, Step};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Why a step failed: what happened, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(pub String);

/// A step that is bound to memory.
#[derive(Debug)]
pub struct Bound {
    work: Work,
    pool: Arc<Pool>,
    /// Held so that the addresses stay good.
    _memory: Arc<Memory>,
}

#[derive(Debug)]
enum Work {
    Kernel { loaded: Loaded, args: Addresses, batch: i64, pieces: usize, grain: usize },
    Evaluated { kernel: Arc<Evaluator>, args: Elements, batch: usize, pieces: usize, grain: usize },
    Product(Product),
}

/// Addresses of arguments.
#[derive(Debug)]
struct Addresses(Box<[*mut u8]>);

// SAFETY: the addresses are into the memory that `Bound` holds.
unsafe impl Send for Addresses {}
// SAFETY: as above; pieces of a kernel write disjoint elements.
unsafe impl Sync for Addresses {}

impl Addresses {
    /// What a kernel takes as its first argument.
    fn start(&self) -> *const *mut u8 {
        self.0.as_ptr()
    }
}

/// Arguments element by element: how many each has is checked with every access.
#[derive(Debug)]
struct Elements {
    addresses: Addresses,
    lengths: Vec<usize>,
}

impl Elements {
    fn at(&self, arg: u32, at: i64) -> *mut u32 {
        let length = self.lengths[arg as usize];
        let inside = usize::try_from(at).ok().filter(|at| *at < length);
        let at = inside.unwrap_or_else(|| panic!("element {at} of argument {arg}, which has {length}"));
        // SAFETY: inside of the slot, as just checked.
        unsafe { self.addresses.0[arg as usize].cast::<u32>().add(at) }
    }
}

impl Buffers for Elements {
    fn load(&self, arg: u32, at: i64) -> u32 {
        // SAFETY: inside of the slot and aligned; pieces of a kernel write disjoint elements.
        unsafe { self.at(arg, at).read() }
    }

    fn store(&self, arg: u32, at: i64, bits: u32) {
        // SAFETY: as for reading.
        unsafe { self.at(arg, at).write(bits) }
    }
}

impl Bound {
    /// Binds a step of a plan; `region` says where a slot lies.
    #[must_use]
    pub fn new(
        plan: &Plan,
        step: &Step,
        kernels: &Kernels,
        region: &dyn Fn(SlotId) -> Region,
        memory: &Arc<Memory>,
        pool: &Arc<Pool>,
    ) -> Option<Self> {
        let work = match &step.action {
            Action::Kernel { kernel, args, pieces, grain } => {
                let (batch, pieces, grain) = (plan.batch, *pieces, *grain);
                let addresses = Addresses(args.iter().map(|s| memory.pointer(region(*s))).collect());
                match kernels.get(&plan.kernels[*kernel].name)? {
                    Ready::Loaded(loaded) => {
                        Work::Kernel { loaded, args: addresses, batch: batch as i64, pieces, grain }
                    }
                    Ready::Evaluated(kernel) => {
                        let lengths = args.iter().map(|s| region(*s).len).collect();
                        Work::Evaluated {
                            kernel,
                            args: Elements { addresses, lengths },
                            batch,
                            pieces,
                            grain,
                        }
                    }
                }
            }
            Action::Gemm(gemm) => {
                let at = |slot: SlotId| memory.pointer(region(slot)).cast::<f32>();
                Work::Product(Product::new(gemm, at(gemm.left.slot), at(gemm.right.slot), at(gemm.out.slot)))
            }
        };
        Some(Bound { work, pool: pool.clone(), _memory: memory.clone() })
    }

    /// Runs the step. Whoever calls it must have sole use of the session's memory.
    ///
    /// # Errors
    /// If it panics.
    pub fn run(&self) -> Result<(), Failure> {
        let outcome = catch_unwind(AssertUnwindSafe(|| match &self.work {
            Work::Product(product) => product.run(&self.pool),
            Work::Kernel { loaded, args, batch, pieces, grain } => {
                // SAFETY: the session checked that the plan's slots lie in the memory that is held here; the kernel
                // stays within its slots, and its pieces write disjoint elements.
                self.share_out(*pieces, *grain, &|begin, end| unsafe {
                    (loaded.function)(args.start(), *batch, begin, end);
                })
            }
            Work::Evaluated { kernel, args, batch, pieces, grain } => {
                self.share_out(*pieces, *grain, &|begin, end| kernel.run(args, *batch, begin, end))
            }
        }));
        match outcome {
            Ok(done) => done.map_err(Failure),
            Err(panic) => {
                Err(Failure(format!("panic: {}", panic.downcast_ref::<&str>().unwrap_or(&"unknown"))))
            }
        }
    }

    /// Runs the pieces of a kernel, `grain` of them at a time.
    fn share_out(&self, pieces: usize, grain: usize, run: &(dyn Fn(i64, i64) + Sync)) -> Result<(), String> {
        self.pool.run(pieces.div_ceil(grain), &|chunk| {
            let (begin, end) = (chunk * grain, ((chunk + 1) * grain).min(pieces));
            run(begin as i64, end as i64);
        })
    }
}
