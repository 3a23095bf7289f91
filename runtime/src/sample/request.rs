//! What is to be sampled.

use crate::diffusion::{Guidance, Respacing, Sampler};
use crate::error::{Code, Problem};
use crate::interface::Interface;
use crate::recipe::{Labels, SampleRecipe, SamplerKind};

/// What is to be sampled and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// One label per sample; zeros for models without labels.
    pub labels: Vec<i32>,
    /// The sampler.
    pub sampler: Sampler,
    /// Which timesteps are visited.
    pub respacing: Respacing,
    /// Whether the predicted clean sample is kept within [-1, 1].
    pub clip: bool,
    /// Guidance, if its scale is not 1.
    pub guidance: Option<Guidance>,
}

impl Request {
    /// The request of a recipe's `[sample]`, with command line overrides already in it.
    ///
    /// # Errors
    /// If steps, labels or guidance cannot be had with this model.
    pub fn new(recipe: &SampleRecipe, interface: &Interface) -> Result<Self, Problem> {
        let request = Request {
            labels: labels_for(&recipe.labels, recipe.count, interface)?,
            sampler: match recipe.sampler {
                SamplerKind::Ddpm => Sampler::Ancestral,
                SamplerKind::Ddim => Sampler::Ddim { eta: recipe.eta },
            },
            respacing: recipe.steps.respacing()?,
            clip: recipe.clip,
            guidance: (recipe.guidance_scale != 1.0)
                .then_some(Guidance { scale: recipe.guidance_scale, channels: recipe.guidance_channels }),
        };
        request.check(interface)?;
        Ok(request)
    }

    /// Checks the request against a model.
    ///
    /// # Errors
    /// If a label is out of range, or guidance has no null label to push away from.
    pub fn check(&self, interface: &Interface) -> Result<(), Problem> {
        let Some(input) = &interface.label else {
            return match self.guidance {
                Some(_) => Err(Problem::new(
                    Code::SampleGuidance,
                    "the model takes no labels, so there is nothing to be guided towards",
                    "leave out the guidance scale",
                )),
                None => Ok(()),
            };
        };
        if self.guidance.is_some() && input.null.is_none() {
            return Err(Problem::new(
                Code::SampleGuidance,
                format!(
                    "guidance needs a label that stands for none, but `{}` has no such label",
                    input.name
                ),
                "train with some labels dropped (`class_dropout_prob` above 0 in the zoo), or, if the model has a row \
                 for it, declare it (`y: [] int null num_classes`) or set `train.null_label` in the recipe",
            ));
        }
        let limit = input.classes.unwrap_or(usize::MAX);
        let allowed =
            |label: i32| Some(label) == input.null || usize::try_from(label).is_ok_and(|l| l < limit);
        match self.labels.iter().find(|l| !allowed(**l)) {
            None => Ok(()),
            Some(label) => Err(Problem::new(
                Code::SampleLabel,
                format!("there is no label {label}"),
                format!("the model has the labels 0 to {}", limit.saturating_sub(1)),
            )),
        }
    }
}

/// One label per sample: those that are wanted in turn, `count` in all.
///
/// # Errors
/// If all labels are wanted of a model whose labels are not known, or none are wanted.
pub fn labels_for(labels: &Labels, count: usize, interface: &Interface) -> Result<Vec<i32>, Problem> {
    let wanted: Vec<i32> = match (labels, &interface.label) {
        (_, None) => vec![0],
        (Labels::Some(labels), _) => labels.clone(),
        (Labels::All, Some(input)) => match input.classes {
            Some(classes) => (0..classes as i32).collect(),
            None => Vec::new(),
        },
    };
    if wanted.is_empty() {
        return Err(Problem::new(
            Code::SampleLabel,
            "it is not known which labels to sample",
            "name them: `--labels 0,1,2`",
        ));
    }
    Ok((0..count).map(|k| wanted[k % wanted.len()]).collect())
}
