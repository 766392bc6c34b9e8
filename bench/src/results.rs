//! A run written down: RESULTS.md, and a plot a question.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::process::Command;

/// A median, with its range.
pub struct Figure {
    pub peer: &'static str,
    pub metric: String,
    pub least: f64,
    pub median: f64,
    pub most: f64,
}

/// What was measured for a question.
pub struct Answer {
    pub question: &'static str,
    pub about: &'static str,
    pub figures: Vec<Figure>,
}

/// # Errors
/// When a file cannot be written.
pub fn write(folder: &Path, answers: &[Answer]) -> io::Result<()> {
    std::fs::create_dir_all(folder.join("plots"))?;
    let mut text = String::from(
        "# Results\n\nMedians, with the range, of interleaved runs of this folder's program at the machine's usual speed.\n\n",
    );
    let _ = writeln!(text, "{}", machine());
    for answer in answers {
        let _ = writeln!(text, "## {}\n\n{}\n\n![](plots/{}.svg)\n", answer.question, answer.about, answer.question);
        let _ = writeln!(text, "| peer | metric | median | range |\n|-|-|-:|-|");
        for Figure { peer, metric, least, median, most } in &answer.figures {
            let _ = writeln!(text, "| {peer} | {metric} | {median:.2} | {least:.2} … {most:.2} |");
        }
        text.push('\n');
        std::fs::write(folder.join(format!("plots/{}.svg", answer.question)), plot(answer))?;
    }
    std::fs::write(folder.join("RESULTS.md"), text)
}

/// Whose versions are told.
const PEERS: [&str; 11] = [
    "corosensei",
    "tokio",
    "hyper",
    "smol",
    "rayon",
    "may",
    "may_minihttp",
    "generator",
    "crossbeam-channel",
    "flume",
    "parking_lot",
];

fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut text = format!("- {} cores of {}\n", cores, model.unwrap_or("an unknown processor"));
    for (program, argument) in [("uname", "-sr"), ("rustc", "--version"), ("go", "version"), ("python3", "--version")] {
        if let Ok(output) = Command::new(program).arg(argument).output() {
            let _ = writeln!(text, "- {}", String::from_utf8_lossy(&output.stdout).trim());
        }
    }
    let lock = include_str!("../Cargo.lock");
    for name in PEERS {
        let entry = format!("name = \"{name}\"\nversion = \"");
        let version = lock.split(&entry).nth(1).and_then(|rest| rest.split('"').next());
        let _ = writeln!(text, "- {name} {}", version.unwrap_or("?"));
    }
    text
}

const ROW: usize = 18;
const LEFT: usize = 250;
const WIDTH: f64 = 480.0;

/// Bars, a block a metric; each block has its own scale.
fn plot(answer: &Answer) -> String {
    let mut metrics: Vec<&str> = answer.figures.iter().map(|figure| &*figure.metric).collect();
    metrics.dedup();
    metrics.sort_unstable();
    metrics.dedup();
    let mut body = String::new();
    let mut y = 10;
    for metric in metrics {
        let _ = writeln!(body, r#"<text x="10" y="{}" font-weight="bold">{metric}</text>"#, y + 14);
        y += ROW + 4;
        let figures: Vec<_> = answer.figures.iter().filter(|figure| figure.metric == metric).collect();
        let largest = figures.iter().map(|figure| figure.median).fold(f64::MIN_POSITIVE, f64::max);
        for figure in figures {
            bar(&mut body, y, figure, largest);
            y += ROW;
        }
        y += 10;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"860\" height=\"{y}\" font-family=\"sans-serif\" \
         font-size=\"12\"><rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>\n"
    )
}

fn bar(body: &mut String, y: usize, figure: &Figure, largest: f64) {
    let width = (figure.median / largest * WIDTH).max(1.0);
    let colour = if figure.peer.starts_with("corro") { "#c8553d" } else { "#8fa3ad" };
    let _ = writeln!(
        body,
        r#"<text x="{}" y="{}" text-anchor="end">{}</text><rect x="{LEFT}" y="{y}" width="{width:.1}" height="13" fill="{colour}"/><text x="{:.1}" y="{}">{:.2}</text>"#,
        LEFT - 8,
        y + 11,
        figure.peer,
        LEFT as f64 + width + 6.0,
        y + 11,
        figure.median
    );
}
