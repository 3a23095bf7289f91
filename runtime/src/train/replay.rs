//! Recorded training steps, for comparing a run with other software number by number.

use super::batches::Batch;
use crate::checkpoint::{Stored, load_weights};
use crate::error::{Code, Problem};
use crate::interface::Interface;
use std::collections::BTreeMap;
use std::path::Path;

/// A file with `step{k}.x_start`, `step{k}.noise`, `step{k}.t` and, for models with labels, `step{k}.y`.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    steps: Vec<Batch>,
}

impl Replay {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or a step does not fit the model or the process.
    pub fn load(path: &Path, interface: &Interface, timesteps: usize) -> Result<Self, Problem> {
        Replay::new(&load_weights(path)?, interface, timesteps)
    }

    /// Takes the steps from tensors.
    ///
    /// # Errors
    /// If a step does not fit the model or the process.
    pub fn new(
        tensors: &BTreeMap<String, Stored>,
        interface: &Interface,
        timesteps: usize,
    ) -> Result<Self, Problem> {
        let mut steps: Vec<Batch> = Vec::new();
        while tensors.contains_key(&format!("step{}.x_start", steps.len())) {
            let batch = step(tensors, steps.len(), interface, timesteps)?;
            if steps.first().is_some_and(|s| s.labels.len() != batch.labels.len()) {
                return Err(fault("the steps have batches of several sizes".into()));
            }
            steps.push(batch);
        }
        if steps.is_empty() {
            return Err(fault("there is no `step0.x_start`".into()));
        }
        Ok(Replay { steps })
    }

    /// How many steps there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Samples of a step.
    #[must_use]
    pub fn batch_size(&self) -> usize {
        self.steps.first().map_or(0, |s| s.labels.len())
    }

    pub(super) fn batch(&self, step: u64) -> Batch {
        self.steps[step as usize].clone()
    }
}

fn step(
    tensors: &BTreeMap<String, Stored>,
    index: usize,
    interface: &Interface,
    timesteps: usize,
) -> Result<Batch, Problem> {
    let take = |what: &str| {
        let name = format!("step{index}.{what}");
        tensors.get(&name).ok_or_else(|| fault(format!("there is no `{name}`")))
    };
    let integers = |stored: &Stored| stored.data.iter().map(|x| *x as i32).collect::<Vec<i32>>();
    let (x_start, noise, t) = (take("x_start")?, take("noise")?, take("t")?);
    let labels = if interface.label.is_some() { integers(take("y")?) } else { vec![0; t.data.len()] };
    let batch = t.data.len();
    let wanted = vec![batch, interface.channels, interface.height, interface.width];
    if x_start.shape != wanted || noise.shape != wanted || labels.len() != batch {
        return Err(fault(format!("step {index} has x_start {:?}, but {wanted:?} is wanted", x_start.shape)));
    }
    if batch == 0 {
        return Err(fault(format!("step {index} has no samples")));
    }
    if let Some(label) = interface.label.as_ref().and_then(|input| labels.iter().find(|l| !input.has(**l))) {
        return Err(fault(format!("step {index} has the label {label}, which the model has not")));
    }
    let timesteps_of = integers(t);
    if timesteps_of.iter().any(|t| usize::try_from(*t).map_or(true, |t| t >= timesteps)) {
        return Err(fault(format!("step {index} has timesteps beyond 0 to {}", timesteps - 1)));
    }
    Ok(Batch {
        x_start: x_start.data.clone(),
        noise: noise.data.clone(),
        timesteps: timesteps_of,
        labels,
        first: (index * batch) as u64,
    })
}

fn fault(why: String) -> Problem {
    Problem::new(
        Code::Replay,
        format!("the recorded steps cannot be replayed: {why}"),
        "a file of steps holds step0.x_start, step0.noise, step0.t and step0.y, then step1 and so on",
    )
}
