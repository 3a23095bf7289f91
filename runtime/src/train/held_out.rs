//! The loss of the samples that are not trained on.

use super::batches::Drawn;
use super::session::{Programs, read_sums};
use crate::error::Problem;
use crate::execute::Execute;

/// The mean loss of the held-out samples, nothing dropped, with the weights as they are (not their average).
/// The last batch is filled up with the first samples.
pub(super) fn loss(
    programs: &Programs<'_>,
    session: &mut dyn Execute,
    drawn: &Drawn<'_>,
) -> Result<Option<f64>, Problem> {
    let count = drawn.held_out().len();
    if count == 0 {
        return Ok(None);
    }
    let batch = session.batch();
    let batches = count.div_ceil(batch);
    let mut total = 0.0;
    for index in 0..batches {
        let held = drawn.held_out_batch(index * batch, batch, &programs.interface);
        let scale = 1.0 / (batch * batches) as f64;
        programs.write_batch(session, programs.built.forward, &held, scale, false)?;
        session.run("forward")?;
        total += read_sums(session, programs.function(programs.built.forward))?.loss;
    }
    Ok(Some(total))
}
