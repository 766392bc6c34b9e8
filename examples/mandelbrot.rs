//! Draws the Mandelbrot set. `corro::join` halves the rows again and again; an idle worker takes the half that waits.
//!
//! `cargo run --release --example mandelbrot` prints (times vary):
//!
//! ```text
//! 1200 x 800 pixels, at most 1000 steps each
//! 1 worker:   0.421 s
//! 2 workers:  0.212 s, 1.98 times as fast; the same picture
//! /tmp/mandelbrot.ppm: 2880016 bytes
//! ```
//!
//! `--out FILE` is where the picture goes, and `--quick` draws a small one. Each half is a `&mut [u8]` of its own, by
//! `split_at_mut`, so the compiler knows that no two workers write to the same row. There is no lock and no copy.

use std::error::Error;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::exit;
use std::time::Instant;

use corro::Runtime;
use lexopt::prelude::*;

const HELP: &str = "mandelbrot: draws a picture on 1 worker, then on one worker a core.
  --out FILE  where the picture goes, in the format PPM; else to the folder for temporary files
  --quick     a small picture, for tests
  --help      this text";

const STEPS: u32 = 1000;
/// Bytes of a pixel.
const PIXEL: usize = 3;

/// Draws the rows from `first` on. The whole picture is two thirds as high as it is wide.
fn draw(width: usize, first: usize, rows: &mut [u8]) {
    let count = rows.len() / (width * PIXEL);
    if count == 1 {
        return draw_row(width, first, rows);
    }
    let half = count / 2;
    let (upper, lower) = rows.split_at_mut(half * width * PIXEL);
    corro::join(|| draw(width, first, upper), || draw(width, first + half, lower));
}

fn draw_row(width: usize, y: usize, row: &mut [u8]) {
    let scale = 3.6 / width as f64;
    for (x, pixel) in row.chunks_exact_mut(PIXEL).enumerate() {
        pixel.copy_from_slice(&color(steps(x as f64 * scale - 2.5, y as f64 * scale - 1.2)));
    }
}

/// After how many steps the point has left the circle; `None` if it stays.
fn steps(re: f64, im: f64) -> Option<u32> {
    let (mut x, mut y) = (0.0, 0.0);
    (0..STEPS).find(|_| {
        (x, y) = (x * x - y * y + re, 2.0 * x * y + im);
        x * x + y * y > 4.0
    })
}

fn color(steps: Option<u32>) -> [u8; PIXEL] {
    let Some(steps) = steps else { return [0; PIXEL] };
    let wave = |shift: f64| (f64::from(steps + 1).ln() * 1.6 + shift).sin() * 0.5 + 0.5;
    [4.0, 4.7, 5.4].map(|shift| (wave(shift) * 255.0) as u8)
}

/// The picture, and the seconds that it took.
fn picture(runtime: &Runtime, width: usize) -> (Vec<u8>, f64) {
    let mut picture = vec![0; width * PIXEL * (width * 2 / 3)];
    let start = Instant::now();
    runtime.run(|| draw(width, 0, &mut picture));
    (picture, start.elapsed().as_secs_f64())
}

fn show(width: usize, out: &Path) -> Result<(), Box<dyn Error>> {
    let cannot = |error: io::Error| format!("{} cannot be written: {error}", out.display());
    // Before the work, so that a wrong name is known at once.
    let mut file = File::create(out).map_err(cannot)?;
    let (one, all) = (Runtime::builder().workers(1).build()?, Runtime::new()?);
    println!("{width} x {} pixels, at most {STEPS} steps each", width * 2 / 3);
    let (first, alone) = picture(&one, width);
    println!("1 worker:   {alone:.3} s");
    let (second, together) = picture(&all, width);
    assert!(first == second, "the workers drew another picture");
    let (workers, faster) = (all.metrics().workers, alone / together);
    println!("{workers} workers:  {together:.3} s, {faster:.2} times as fast; the same picture");
    let text = [format!("P6 {width} {} 255\n", width * 2 / 3).as_bytes(), &second].concat();
    file.write_all(&text).map_err(cannot)?;
    println!("{}: {} bytes", out.display(), text.len());
    Ok(())
}

fn arguments() -> Result<(usize, PathBuf), lexopt::Error> {
    let (mut width, mut out) = (1200, std::env::temp_dir().join("mandelbrot.ppm"));
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("out") => out = parser.value()?.into(),
            Long("quick") => width = 180,
            Short('h') | Long("help") => {
                println!("{HELP}");
                exit(0);
            }
            _ => return Err(argument.unexpected()),
        }
    }
    Ok((width, out))
}

fn main() {
    let drawn = arguments().map_err(|error| (format!("{error}; --help tells what there is"), 2));
    let done = drawn.and_then(|(width, out)| show(width, &out).map_err(|error| (error.to_string(), 1)));
    if let Err((error, code)) = done {
        eprintln!("mandelbrot: {error}");
        exit(code);
    }
}
