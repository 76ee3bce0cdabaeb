//! Processes are killed at any moment of any command: the same command then goes on to the same bits.
//!
//! `D2O_KILLS=1000` kills that often; without it a few times.
#![allow(clippy::print_stdout)]

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use crate::whole_run::{COMMANDS, WholeRun, differing, left};

/// Kills in a run of the tests.
const KILLS: usize = 20;

/// A linear congruential generator (Knuth's MMIX constants): numbers from 0 to below 1.
struct Shares(u64);

impl Shares {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / f64::from(1u32 << 24)
    }
}

#[test]
fn after_any_kill_the_same_command_goes_on_to_the_same_bits() {
    let number = |name: &str, default: usize| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (wanted, seed) = (number("D2O_KILLS", KILLS), number("D2O_KILLS_SEED", 7));
    let run = WholeRun::new();
    let calm = run.dir("calm");
    fs::create_dir(&calm).unwrap();
    let times: Vec<Duration> = (0..COMMANDS.len()).map(|command| run.run(command, &calm)).collect();
    let expected = left(&calm);
    let mut shares = Shares(seed as u64);
    let (mut kills, mut runs) = ([0; COMMANDS.len()], 0);
    while kills.iter().sum::<usize>() < wanted {
        let dir = run.dir(&format!("killed-{runs}"));
        fs::create_dir(&dir).unwrap();
        for (command, time) in times.iter().enumerate() {
            for _ in 0..1 + (3.0 * shares.next()) as usize {
                let mut child = run.command(command, &dir).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
                std::thread::sleep(time.mul_f64(shares.next()));
                let ended = child.try_wait().unwrap().is_some();
                let _ = child.kill();
                child.wait().unwrap();
                kills[command] += usize::from(!ended);
            }
            run.run(command, &dir);
        }
        let differing = differing(&left(&dir), &expected);
        assert!(differing.is_empty(), "seed {seed}, run {runs}: other bits in {}", differing.join(", "));
        fs::remove_dir_all(&dir).unwrap();
        runs += 1;
    }
    let by_command: Vec<String> =
        COMMANDS.iter().zip(kills).map(|(name, kills)| format!("{kills} in {name}")).collect();
    println!("kills: {} ({}), {runs} runs, none with other bits", kills.iter().sum::<usize>(), by_command.join(", "));
}
