//! A step with everything it needs: function, addresses, pieces.

use super::gemm::Product;
use super::library::{Kernels, Loaded};
use super::memory::{Memory, Region};
use super::threads::Pool;
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
            Action::Kernel { kernel, args, pieces, grain } => Work::Kernel {
                loaded: kernels.get(&plan.kernels[*kernel].name)?,
                args: Addresses(args.iter().map(|s| memory.pointer(region(*s))).collect()),
                batch: plan.batch as i64,
                pieces: *pieces,
                grain: *grain,
            },
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
                let (pieces, grain) = (*pieces, *grain);
                self.pool.run(pieces.div_ceil(grain), &|chunk| {
                    let (begin, end) = (chunk * grain, ((chunk + 1) * grain).min(pieces));
                    // SAFETY: the session checked that the plan's slots lie in the memory that is held
                    // here; the kernel stays within its slots, and its pieces write disjoint elements.
                    unsafe { (loaded.function)(args.start(), *batch, begin as i64, end as i64) }
                })
            }
        }));
        match outcome {
            Ok(done) => done.map_err(Failure),
            Err(panic) => {
                Err(Failure(format!("panic: {}", panic.downcast_ref::<&str>().unwrap_or(&"unknown"))))
            }
        }
    }
}
