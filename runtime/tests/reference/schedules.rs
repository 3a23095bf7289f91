//! Tables and respacing against case `schedules`.

use crate::fixture::{Fixture, assert_close};
use arch_runtime::diffusion::{Respacing, Schedule, Tables};
use arch_runtime::error::Code;

/// The reference's tables are those of a process that keeps every timestep, which recomputes the betas.
fn kept_whole(schedule: Schedule, timesteps: usize) -> Tables {
    let all: Vec<usize> = (0..timesteps).collect();
    Tables::new(schedule.betas(timesteps).unwrap()).respaced(&all)
}

#[test]
fn every_table_of_every_schedule() {
    let file = Fixture::open("schedules", "tables_f64.safetensors");
    let mut compared = 0;
    for (name, schedule) in [("linear", Schedule::Linear), ("squaredcos_cap_v2", Schedule::Cosine)] {
        for timesteps in [1000, 100] {
            let t = kept_whole(schedule, timesteps);
            let tables: [(&str, &[f64]); 13] = [
                ("betas", &t.betas),
                ("alphas_cumprod", &t.alphas_cumprod),
                ("alphas_cumprod_prev", &t.alphas_cumprod_prev),
                ("alphas_cumprod_next", &t.alphas_cumprod_next),
                ("sqrt_alphas_cumprod", &t.sqrt_alphas_cumprod),
                ("sqrt_one_minus_alphas_cumprod", &t.sqrt_one_minus_alphas_cumprod),
                ("log_one_minus_alphas_cumprod", &t.log_one_minus_alphas_cumprod),
                ("sqrt_recip_alphas_cumprod", &t.sqrt_recip_alphas_cumprod),
                ("sqrt_recipm1_alphas_cumprod", &t.sqrt_recipm1_alphas_cumprod),
                ("posterior_variance", &t.posterior_variance),
                ("posterior_log_variance_clipped", &t.posterior_log_variance_clipped),
                ("posterior_mean_coef1", &t.posterior_mean_coef1),
                ("posterior_mean_coef2", &t.posterior_mean_coef2),
            ];
            for (table, got) in tables {
                let key = format!("{name}{timesteps}.{table}");
                assert_close(&key, got, &file.f64(&key), 1e-12);
                compared += 1;
            }
            let key = format!("{name}{timesteps}.raw_betas");
            assert_close(&key, &schedule.betas(timesteps).unwrap(), &file.f64(&key), 1e-14);
            compared += 1;
        }
    }
    assert_eq!(compared, file.names().len(), "no table of the reference is left out");
}

#[test]
fn every_respacing() {
    let file = Fixture::open("schedules", "respaced_f64.safetensors");
    let whole = Tables::new(Schedule::Linear.betas(1000).unwrap());
    let mut compared = 0;
    for name in file.names() {
        let (total, spec) = if let Some(spec) = name.strip_prefix("timesteps.") {
            (1000, spec)
        } else if let Some((total, spec)) = name.strip_prefix("timesteps_of_").and_then(|n| n.split_once('.'))
        {
            (total.parse().unwrap(), spec)
        } else {
            continue;
        };
        let kept = Respacing::parse(&spec.replace('-', ",")).unwrap().timesteps(total).unwrap();
        let wanted: Vec<usize> = file.f64(&name).into_iter().map(|t| t as usize).collect();
        assert_eq!(kept, wanted, "{name}");
        compared += 1;
        if total == 1000 {
            let t = whole.respaced(&kept);
            for (table, got) in [
                ("betas", &t.betas),
                ("alphas_cumprod", &t.alphas_cumprod),
                ("posterior_variance", &t.posterior_variance),
                ("posterior_log_variance_clipped", &t.posterior_log_variance_clipped),
            ] {
                let key = format!("linear1000.{spec}.{table}");
                assert_close(&key, got, &file.f64(&key), 1e-11);
                compared += 1;
            }
        }
    }
    assert_eq!(compared, file.names().len(), "no tensor of the reference is left out");
}

#[test]
fn respacings_that_cannot_be() {
    let code = |spec: &str, total| {
        Respacing::parse(spec).and_then(|r| r.timesteps(total)).map(|t| t.len()).map_err(|p| p.code)
    };
    assert_eq!(code("ddim30", 1000), Ok(30));
    assert_eq!(code("ddim7", 1000), Ok(7));
    assert_eq!(code("ddim999", 1000), Err(Code::Respacing));
    assert_eq!(code("1001", 1000), Err(Code::Respacing));
    assert_eq!(code("0", 1000), Err(Code::SampleSteps));
    assert_eq!(code("ddim0", 1000), Err(Code::SampleSteps));
    assert_eq!(code("many", 1000), Err(Code::Respacing));
    assert_eq!(code("", 1000), Ok(1000));
}

#[test]
fn schedules_without_usable_betas_are_refused() {
    assert_eq!(Schedule::Linear.betas(10).unwrap_err().code, Code::Schedule);
    assert_eq!(Schedule::Linear.betas(0).unwrap_err().code, Code::Schedule);
    assert!(Schedule::Cosine.betas(10).is_ok());
}
