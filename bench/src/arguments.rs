//! The command line.

use std::path::PathBuf;
use std::process::exit;

use crate::Question;

/// What was asked for.
#[derive(Default)]
pub struct Arguments {
    questions: Vec<String>,
    peers: Vec<String>,
    pub quick: bool,
    pub json: bool,
    /// Where RESULTS.md and the plots go.
    pub write: Option<PathBuf>,
}

impl Arguments {
    /// Reads the command line. Ends the program for `--help`, and when it cannot be understood.
    pub fn read(questions: &[Question]) -> Arguments {
        Arguments::parse(questions).unwrap_or_else(|error| {
            eprintln!("{error}\n{}", help(questions));
            exit(2)
        })
    }

    fn parse(questions: &[Question]) -> Result<Arguments, lexopt::Error> {
        use lexopt::prelude::*;
        let mut arguments = Arguments::default();
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("quick") => arguments.quick = true,
                Long("json") => arguments.json = true,
                Long("peers") => arguments.peers.extend(parser.value()?.string()?.split(',').map(String::from)),
                Long("write") => arguments.write = Some(parser.value()?.into()),
                Long("help") | Short('h') => {
                    println!("{}", help(questions));
                    exit(0);
                }
                Value(value) if questions.iter().any(|question| value == *question.name) => {
                    arguments.questions.push(value.string()?);
                }
                Value(value) => return Err(format!("there is no question {value:?}").into()),
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(arguments)
    }

    pub fn asks(&self, question: &str) -> bool {
        self.questions.is_empty() || self.questions.iter().any(|asked| asked == question)
    }

    pub fn wants(&self, peer: &str) -> bool {
        self.peers.is_empty() || self.peers.iter().any(|wanted| wanted == peer)
    }
}

fn help(questions: &[Question]) -> String {
    let lines: String =
        questions.iter().map(|question| format!("  {:<9} {}\n", question.name, question.about)).collect();
    format!(
        "usage: corro-bench [QUESTION...] [--peers a,b] [--json] [--quick] [--write FOLDER]\n\nquestions:\n{lines}\
         without a question: all of them\n\n  --peers a,b  these alone\n  --json       a line of JSON a figure\n  \
         --quick      less work, once: to see that it runs\n  --write F    RESULTS.md and plots into this folder"
    )
}
