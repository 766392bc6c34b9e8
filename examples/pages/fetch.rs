//! One page.

use std::io::{self, Read};

use indicatif::ProgressBar;
use ureq::http::Uri;
use ureq::{Agent, Error};

use crate::connector::{agent, trusting};
use crate::options::Options;
use crate::trust;

const CHUNK: usize = 16 * 1024;

/// Fetches pages. Nothing in it knows of tasks.
pub(crate) struct Fetcher {
    agent: Agent,
    limit: usize,
}

impl Fetcher {
    pub(crate) fn new(options: &Options) -> Result<Fetcher, String> {
        let config = Agent::config_builder()
            .proxy(None)
            .user_agent("corro-pages")
            .timeout_global(Some(options.timeout))
            .max_redirects(options.redirects)
            .max_idle_connections(options.jobs)
            .tls_config(trusting(trust::certificates(&options.authorities)?))
            .build();
        Ok(Fetcher { agent: agent(config), limit: options.limit })
    }

    /// The page; the bar shows how far it is.
    pub(crate) fn fetch(&self, url: &Uri, bar: &ProgressBar) -> Result<Vec<u8>, String> {
        let mut response = self.agent.get(url).call().map_err(|error| why(&error))?;
        let body = response.body_mut();
        if let Some(length) = body.content_length() {
            if length > self.limit as u64 {
                return Err(self.too_long());
            }
            bar.set_length(length);
        }
        let (mut page, mut chunk) = (Vec::new(), vec![0; CHUNK]);
        // The limit is ours.
        let mut reader = body.with_config().limit(u64::MAX).reader();
        loop {
            match reader.read(&mut chunk).map_err(|error| why(&Error::from(error)))? {
                0 => return Ok(page),
                count if count > self.limit - page.len() => return Err(self.too_long()),
                count => page.extend_from_slice(&chunk[..count]),
            }
            bar.set_position(page.len() as u64);
        }
    }

    fn too_long(&self) -> String {
        format!("it is longer than {} bytes; --limit takes more", self.limit)
    }
}

fn why(error: &Error) -> String {
    match error {
        Error::Timeout(_) => "it took too long; --timeout takes more".to_owned(),
        Error::TooManyRedirects => "it was sent elsewhere too often; --redirects takes more".to_owned(),
        Error::StatusCode(status) => format!("the server answers {status}"),
        Error::HostNotFound => "there is no such host".to_owned(),
        Error::Io(error) if is_distrust(error) => format!("{error}; --ca trusts one more certificate"),
        Error::Io(error) => error.to_string(),
        error => error.to_string(),
    }
}

fn is_distrust(error: &io::Error) -> bool {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
}
