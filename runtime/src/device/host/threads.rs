//! A few threads that wait for work. Steps are short, so waiting threads look for the next one for a
//! moment before they sleep, and handing out work allocates nothing.
//!
//! Each thread begins with its own share of the pieces, the same in every step, and then helps the others: what it wrote in one
//! step is still in its cache when it reads that in the next one.
//!
//! A step waits for the threads that joined it, not for those that might have: on a busy machine a thread that
//! the system has put aside takes milliseconds to come back, many times what a step takes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// How often a waiting thread looks before it sleeps.
const LOOKS: usize = 4000;
/// Kernels keep the state of scans on the stack.
const STACK: usize = 16 << 20;

/// The pieces of one step.
#[derive(Clone, Copy)]
struct Job {
    work: *const (dyn Fn(usize) + Sync),
    pieces: usize,
}

// SAFETY: the work is `Sync`, and `Pool::run` does not return before every thread is done with it.
unsafe impl Send for Job {}

/// How many pieces of a thread's share are taken, on a cache line that is no other thread's.
#[derive(Default)]
#[repr(align(128))]
struct Taken(AtomicUsize);

struct Shared {
    /// The job at hand; none when it is too late to join it.
    job: Mutex<Option<Job>>,
    wake: Condvar,
    done: Condvar,
    /// Grows by one with every job.
    round: AtomicUsize,
    /// By thread; the one that hands out work is the first.
    taken: Vec<Taken>,
    /// Threads that joined the job at hand and have not finished it. Grows only under the lock of `job`.
    busy: AtomicUsize,
    failed: AtomicBool,
    stop: AtomicBool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<Job>> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new(threads: usize) -> Self {
        Shared {
            job: Mutex::default(),
            wake: Condvar::new(),
            done: Condvar::new(),
            round: AtomicUsize::new(0),
            taken: (0..threads).map(|_| Taken::default()).collect(),
            busy: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        }
    }

    /// Works on a thread's own share, and then on what is left of those of the threads behind it.
    fn work(&self, job: Job, own: usize) {
        // SAFETY: `Pool::run` keeps the work alive until nobody can join and `busy` is zero.
        let work = unsafe { &*job.work };
        let threads = self.taken.len();
        let begin = |of: usize| job.pieces * of / threads;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            for of in (own..threads).chain(0..own) {
                let (begin, end, taken) = (begin(of), begin(of + 1), &self.taken[of].0);
                // Looking first spares the others their cache line.
                while begin + taken.load(Ordering::Relaxed) < end {
                    let piece = begin + taken.fetch_add(1, Ordering::Relaxed);
                    if piece < end {
                        work(piece);
                    }
                }
            }
        }));
        if outcome.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
    }

    fn serve(&self, own: usize) {
        let mut seen = 0;
        loop {
            let mut looks = 0;
            while self.round.load(Ordering::Acquire) == seen && looks < LOOKS {
                std::hint::spin_loop();
                looks += 1;
            }
            let job = {
                let mut job = self.lock();
                while self.round.load(Ordering::Acquire) == seen {
                    job = self.wake.wait(job).unwrap_or_else(PoisonError::into_inner);
                }
                seen = self.round.load(Ordering::Acquire);
                if job.is_some() {
                    self.busy.fetch_add(1, Ordering::AcqRel);
                }
                *job
            };
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            let Some(job) = job else { continue };
            self.work(job, own);
            if self.busy.fetch_sub(1, Ordering::AcqRel) == 1 {
                drop(self.lock());
                self.done.notify_one();
            }
        }
    }
}

/// Threads that share out the pieces of a step. The caller works, too.
pub struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// One step at a time, whoever asks.
    turn: Mutex<()>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool of {}", self.threads.len() + 1)
    }
}

impl Pool {
    /// A pool that works on `threads` threads, or on as many as the system gives: results do not depend on it.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared::new(threads.max(1)));
        let threads = (1..threads.max(1))
            .map_while(|i| {
                let shared = shared.clone();
                let builder = std::thread::Builder::new().name(format!("archc-{i}")).stack_size(STACK);
                builder.spawn(move || shared.serve(i)).ok()
            })
            .collect();
        Pool { shared, threads, turn: Mutex::new(()) }
    }

    /// How many threads work.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads.len() + 1
    }

    /// Runs `work` for every piece.
    ///
    /// # Errors
    /// If a piece panics; the others still run or are left out.
    pub fn run(&self, pieces: usize, work: &(dyn Fn(usize) + Sync)) -> Result<(), String> {
        if pieces <= 1 || self.threads.is_empty() {
            let all = AssertUnwindSafe(|| (0..pieces).for_each(work));
            return catch_unwind(all).map_err(|_| "a panic in a piece".into());
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = &self.shared;
        // SAFETY: only the lifetime is forgotten; this function returns when no thread uses the work.
        let work = unsafe {
            std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), *const (dyn Fn(usize) + Sync + 'static)>(
                work,
            )
        };
        let job = Job { work, pieces };
        {
            let mut slot = shared.lock();
            *slot = Some(job);
            shared.taken.iter().for_each(|t| t.0.store(0, Ordering::Relaxed));
            shared.failed.store(false, Ordering::Relaxed);
            shared.round.fetch_add(1, Ordering::Release);
        }
        shared.wake.notify_all();
        shared.work(job, 0);
        // Every piece is taken, or one panicked: from here on nobody may join.
        *shared.lock() = None;
        let mut looks = 0;
        while shared.busy.load(Ordering::Acquire) > 0 {
            looks += 1;
            if looks < LOOKS {
                std::hint::spin_loop();
                continue;
            }
            let mut slot = shared.lock();
            while shared.busy.load(Ordering::Acquire) > 0 {
                slot = shared.done.wait(slot).unwrap_or_else(PoisonError::into_inner);
            }
        }
        if shared.failed.load(Ordering::Relaxed) { Err("a panic in a piece".into()) } else { Ok(()) }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        {
            let _job = self.shared.lock();
            self.shared.stop.store(true, Ordering::Release);
            self.shared.round.fetch_add(1, Ordering::Release);
        }
        self.shared.wake.notify_all();
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing left to clean up.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_runs_once_and_a_panic_is_told() {
        for threads in [1, 2, 3] {
            let pool = Pool::new(threads);
            for pieces in [0, 1, 2, 17, 1000] {
                let counts: Vec<AtomicUsize> = (0..pieces).map(|_| AtomicUsize::new(0)).collect();
                pool.run(pieces, &|i| {
                    counts[i].fetch_add(1, Ordering::Relaxed);
                })
                .unwrap();
                assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1));
            }
            assert!(pool.run(8, &|i| assert!(i != 5)).is_err());
            assert!(pool.run(8, &|_| ()).is_ok());
        }
    }

    /// Which pieces each thread took, in its order: those of its own share come first.
    #[test]
    fn each_thread_begins_with_its_own_share() {
        let (threads, pieces) = (3, 60);
        let pool = Pool::new(threads);
        let taken = Mutex::new(Vec::new());
        pool.run(pieces, &|piece| {
            let thread = std::thread::current().name().unwrap_or_default().to_string();
            taken.lock().unwrap().push((thread, piece * threads / pieces));
            std::thread::sleep(std::time::Duration::from_millis(1));
        })
        .unwrap();
        let taken = taken.into_inner().unwrap();
        assert_eq!(taken.len(), pieces);
        for own in 0..threads {
            let is_own = |name: &str| match name.strip_prefix("archc-") {
                Some(thread) => thread == own.to_string(),
                None => own == 0,
            };
            let shares: Vec<usize> = taken.iter().filter(|t| is_own(&t.0)).map(|t| t.1).collect();
            let behind: Vec<usize> = shares.iter().map(|share| (share + threads - own) % threads).collect();
            assert!(behind.is_sorted(), "thread {own} took pieces of {shares:?}");
        }
    }

    #[test]
    fn many_short_steps_on_more_threads_than_cores() {
        let pool = Pool::new(16);
        for step in 0..3000 {
            let counts: Vec<AtomicUsize> = (0..2 + step % 5).map(|_| AtomicUsize::new(0)).collect();
            pool.run(counts.len(), &|i| {
                counts[i].fetch_add(1 + step, Ordering::Relaxed);
            })
            .unwrap();
            assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1 + step), "step {step}");
        }
    }
}
