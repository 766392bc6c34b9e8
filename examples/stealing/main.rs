//! Who steals what: one task starts many small computations, and this shows which worker ran which, and when.
//!
//! `cargo run --release --example stealing` prints (each time another picture):
//!
//! ```text
//!           0 ms                                              119.2 ms
//! worker 0  ============ZZYYYYXXVUTSSRRRQQQQPOMLKKJJJIIIIHGFDDCBBBAAAA  26 own
//! worker 1  0.12344445556778abccccdddeefgijkkkkkllmmnopqrssssttuuvvxyz  36 stolen
//! 62 computations; of 2 workers 1.97 were busy on the average
//! ```
//!
//! Each letter or digit is a computation, `=` is the task that starts them all, `.` is a worker without work. The
//! starter's worker has all of the new tasks in its deque. It goes on with the starter until that has to wait, and then
//! runs the newest first. The others take the oldest from the other end, one at a time.
//!
//! `--html FILE` draws the same as a page for the browser, `--workers N` has more or fewer workers than cores, and
//! `--quick` has smaller computations.
//!
//! ```text
//! main ── work        the computations, and who ran them
//!    ├─── terminal    the lanes as characters
//!    └─── page        the lanes as a page
//! ```

mod page;
mod terminal;
mod work;

use std::error::Error;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::exit;

use lexopt::prelude::*;

const HELP: &str = "stealing: shows which worker ran which of the tasks that one task has started.
  --html FILE  draws it as a page for the browser, too
  --workers N  else there is a worker for each core
  --quick      smaller computations, for tests
  --help       this text";

#[derive(Default)]
struct Options {
    html: Option<PathBuf>,
    workers: Option<usize>,
    quick: bool,
}

fn options() -> Result<Options, lexopt::Error> {
    let mut options = Options::default();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("html") => options.html = Some(parser.value()?.into()),
            Long("workers") => options.workers = Some(parser.value()?.parse_with(number_of_workers)?),
            Long("quick") => options.quick = true,
            Short('h') | Long("help") => {
                println!("{HELP}");
                exit(0);
            }
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(options)
}

fn number_of_workers(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|workers| (1..=64).contains(workers)).ok_or("a number from 1 to 64 is expected")
}

fn show(options: &Options) -> Result<(), Box<dyn Error>> {
    let named = |path: &PathBuf, error: io::Error| format!("{} cannot be written: {error}", path.display());
    // Before the work, so that a wrong name is known at once.
    let open = |path: &PathBuf| File::create(path).map_err(|error| named(path, error));
    let file = options.html.as_ref().map(open).transpose()?;
    let record = work::run(options.workers, options.quick)?;
    print!("{}", terminal::lanes(&record));
    if let (Some(mut file), Some(path)) = (file, &options.html) {
        file.write_all(page::html(&record).as_bytes()).map_err(|error| named(path, error))?;
    }
    Ok(())
}

fn main() {
    let options = options().map_err(|error| (format!("{error}; --help tells what there is"), 2));
    let shown = options.and_then(|options| show(&options).map_err(|error| (error.to_string(), 1)));
    if let Err((error, code)) = shown {
        eprintln!("stealing: {error}");
        exit(code);
    }
}
