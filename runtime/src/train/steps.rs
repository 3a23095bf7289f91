//! The training loop.

use super::batches::{Batch, Batches};
use super::diagnose::diagnose;
use super::held_out;
use super::job::{Ended, Job, Observer, Outcome};
use super::rate::{Rate, bias_corrections};
use super::session::{Programs, Sums, read_sums};
use crate::checkpoint::{Checkpoint, Contents, Position, Stored, save, tensor};
use crate::diffusion::Process;
use crate::error::Problem;
use crate::execute::{Data, Execute};
use crate::image::{square_columns, write_png};
use crate::interface::{initial_weights, write_weights};
use crate::recipe::TrainRecipe;
use crate::run::{Metric, write_report};
use crate::sample::{self, Noise, Request};
use std::collections::BTreeMap;
use std::time::Instant;

/// A job under way.
pub(super) struct Loop<'a> {
    job: &'a Job<'a>,
    train: TrainRecipe,
    process: Process,
    programs: Programs<'a>,
    batches: Batches<'a>,
    session: Box<dyn Execute>,
    /// Weights that the model has but does not use: they are stored, and nothing else.
    idle: BTreeMap<String, Stored>,
    sampler: Option<Box<dyn Execute>>,
    position: Position,
    /// Seconds of earlier sittings.
    seconds_before: f64,
    began: Instant,
    logged: (Instant, u64),
}

impl<'a> Loop<'a> {
    /// Compiles the programs and puts weights and state in place.
    pub(super) fn new(
        job: &'a Job<'a>,
        train: TrainRecipe,
        process: Process,
        programs: Programs<'a>,
        batches: Batches<'a>,
    ) -> Result<Self, Problem> {
        let mut session = programs.prepare(job.form, train.batch)?;
        let mut position = Position::default();
        let mut seconds_before = 0.0;
        let idle;
        if let Some(checkpoint) = job.resume {
            write_weights(session.as_mut(), programs.model, &checkpoint.tensors, "")?;
            for (name, shape) in programs.state() {
                let stored = tensor(&checkpoint.tensors, &name, &shape)?;
                session.write(&name, Data::Float(&stored.data))?;
            }
            idle = programs.idle(&checkpoint.tensors);
            position = checkpoint.contents.position;
            job.folder.trim_metrics(position.step)?;
            seconds_before = job.folder.read_metrics().last().map_or(0.0, |m| m.seconds);
        } else {
            let drawn;
            let weights = match job.weights {
                Some(weights) => weights,
                None => {
                    drawn = initial_weights(programs.model, train.seed)?;
                    &drawn
                }
            };
            write_weights(session.as_mut(), programs.model, weights, "")?;
            for (name, shape) in programs.state() {
                // The average begins at the weights, the moments at zero.
                let data = match name.strip_prefix("ema.") {
                    Some(parameter) => weights[parameter].data.clone(),
                    None => vec![0.0; shape.iter().product()],
                };
                session.write(&name, Data::Float(&data))?;
            }
            idle = programs.idle(weights);
            job.folder.write_recipe(&job.recipe.to_toml())?;
        }
        if programs.accumulate > 1 {
            for (name, elements) in programs.accumulators() {
                session.write(&name, Data::Float(&vec![0.0; elements]))?;
            }
        }
        let now = Instant::now();
        Ok(Loop {
            job,
            train,
            process,
            programs,
            batches,
            session,
            idle,
            sampler: None,
            position,
            seconds_before,
            began: now,
            logged: (now, position.samples_seen),
        })
    }

    /// Runs until the steps are done or the observer stops.
    pub(super) fn run(mut self, observer: &mut dyn Observer) -> Result<Outcome, Problem> {
        let mut last = self.job.folder.read_metrics().last().cloned().unwrap_or_default();
        let mut ended = Ended::Finished;
        while self.position.step < self.train.steps {
            let mut metric = self.step()?;
            let done = self.position.step;
            let stop = observer.stop();
            let due = |every: u64| every > 0 && done.is_multiple_of(every);
            let finished = done == self.train.steps;
            let pause = due(self.train.sample_every) || due(self.train.checkpoint_every) || finished || stop;
            if pause && let Batches::Drawn(drawn) = &self.batches {
                metric.validation_loss = held_out::loss(&self.programs, self.session.as_mut(), drawn)?;
            }
            if due(self.train.log_every) || pause {
                self.log(&mut metric)?;
            }
            observer.step(&metric, self.train.steps);
            if due(self.train.sample_every) || (finished && self.train.sample_every > 0) {
                self.sample()?;
            }
            if pause {
                self.save(due(self.train.checkpoint_every))?;
                write_report(self.job.folder, &self.programs.model.item)?;
            }
            last = metric;
            if stop && !finished {
                ended = Ended::Interrupted;
                break;
            }
        }
        Ok(Outcome { ended, checkpoint: self.checkpoint()?, last, profile: self.session.profile() })
    }

    /// One step of the optimizer.
    fn step(&mut self) -> Result<Metric, Problem> {
        let step = self.position.step;
        let rate = Rate {
            peak: self.train.learning_rate,
            warmup: self.train.warmup,
            schedule: self.train.schedule,
            steps: self.train.steps,
        };
        let lr = rate.at(step);
        let (correction1, correction2) = bias_corrections(self.train.betas, step);
        for (name, value) in
            [("lr", lr), ("adam.correction1", correction1), ("adam.correction2_sqrt", correction2)]
        {
            self.session.write(name, Data::Float(&[value as f32]))?;
        }
        let runs = self.programs.accumulate;
        let scale = 1.0 / (self.train.batch * runs) as f64;
        let mut sums: Option<Sums> = None;
        for run in 0..runs {
            let (name, id) = match self.programs.built.accumulate {
                Some(accumulate) if run + 1 < runs => ("accumulate", accumulate),
                _ => ("update", self.programs.built.update),
            };
            let batch = self.next_batch();
            self.programs.write_batch(self.session.as_mut(), id, &batch, scale, true)?;
            self.session.run(name)?;
            let given = read_sums(self.session.as_ref(), self.programs.function(id))?;
            if !given.loss.is_finite() {
                return Err(self.fault(&batch, given.loss));
            }
            sums = Some(sums.map_or(given, |s| s.add(given)));
            if run + 1 == runs {
                let mut norm = [0.0];
                self.session.read("grad_norm", &mut norm)?;
                if !norm[0].is_finite() {
                    return Err(self.fault(&batch, given.loss));
                }
                self.position.step += 1;
                let sums = sums.unwrap_or_default();
                return Ok(Metric {
                    step: self.position.step,
                    loss: sums.loss,
                    mse: sums.mse,
                    vb: sums.vb,
                    lr,
                    grad_norm: f64::from(norm[0]),
                    seconds: self.seconds_before + self.began.elapsed().as_secs_f64(),
                    ..Metric::default()
                });
            }
        }
        unreachable!("a step has at least one run")
    }

    fn next_batch(&mut self) -> Batch {
        let first = self.position.samples_seen;
        self.position.samples_seen += self.train.batch as u64;
        match &mut self.batches {
            Batches::Drawn(drawn) => drawn.batch(first, self.train.batch, &self.programs.interface),
            Batches::Recorded(replay) => replay.batch(self.position.step),
        }
    }

    fn fault(&self, batch: &Batch, loss: f64) -> Problem {
        let step = self.position.step + 1;
        diagnose(&self.programs, self.job.form, self.session.as_ref(), batch, step, loss)
    }

    fn log(&mut self, metric: &mut Metric) -> Result<(), Problem> {
        let (since, seen) = self.logged;
        let samples = (self.position.samples_seen - seen) as f64;
        metric.images_per_second = samples / since.elapsed().as_secs_f64().max(1e-9);
        self.logged = (Instant::now(), self.position.samples_seen);
        self.job.folder.log(metric)
    }

    /// Weights and state as a checkpoint has them.
    fn tensors(&self) -> Result<BTreeMap<String, Stored>, Problem> {
        let mut tensors = self.programs.collect(self.session.as_ref())?;
        tensors.extend(self.idle.clone());
        Ok(tensors)
    }

    fn checkpoint(&self) -> Result<Checkpoint, Problem> {
        Ok(Checkpoint {
            tensors: self.tensors()?,
            contents: Contents {
                position: self.position,
                recipe: self.job.recipe.to_toml(),
                sources: self.job.model.sources.clone(),
                written_by: concat!("archc ", env!("CARGO_PKG_VERSION")).into(),
            },
        })
    }

    fn save(&self, numbered: bool) -> Result<(), Problem> {
        let checkpoint = self.checkpoint()?;
        if numbered {
            save(&checkpoint, &self.job.folder.numbered_checkpoint(self.position.step))?;
        }
        save(&checkpoint, &self.job.folder.last_checkpoint())
    }

    /// A grid of samples with the averaged weights.
    fn sample(&mut self) -> Result<(), Problem> {
        let recipe = &self.job.recipe.sample;
        let inference = self.job.model.inference;
        let interface = &self.programs.interface;
        let request = Request::new(recipe, interface)?;
        if self.sampler.is_none() {
            let programs = [(sample::PROGRAM, inference.entry)];
            let batch = recipe.count.min(self.train.batch);
            self.sampler = Some(self.job.form.prepare(&inference.module, &programs, batch)?);
        }
        let weights = self.tensors()?;
        let Some(session) = self.sampler.as_mut() else { return Ok(()) };
        write_weights(session.as_mut(), inference, &weights, "ema.")?;
        let noise = Noise::Seed(recipe.seed);
        let drawn = sample::draw(session.as_mut(), interface, &self.process, &request, &noise, &mut |_| ())?;
        let pictures = drawn.pictures();
        let grid = pictures.grid(square_columns(pictures.len()));
        write_png(&grid, &self.job.folder.sample_grid(self.position.step))
    }
}
