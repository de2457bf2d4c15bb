//! Letters, and the way that they leave the house: SMTP, files, the log.
//!
//! What a letter says is decided elsewhere; here it becomes a message of RFC 5322 and is handed over.
//! Addresses and headers are lettre's types, which refuse or encode whatever could begin another header.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, SinglePart};
use lettre::transport::smtp;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use super::config::{Config, ConfigurationError, without_password};

/// How long a mail server may take for one letter, from the connection to its receipt.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// A number of its own: a letter that is sent twice has the same `Message-ID` both times.
    pub id: i64,
    /// When it was written.
    pub written_at: DateTime<Utc>,
    /// The address.
    pub recipient: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// Where the recipient says which letters they want; none for who has no account.
    pub preferences_url: Option<String>,
    /// Tells who somebody is: the log shows neither the recipient nor the text.
    pub is_confidential: bool,
}

/// Why a letter did not leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct SendError {
    /// What happened.
    pub problem: String,
    /// Whether trying again can change nothing: the address is none, the server refuses it for good.
    pub is_permanent: bool,
}

#[derive(Clone)]
enum Way {
    Nowhere,
    Log,
    Folder(PathBuf),
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
}

/// Sends letters as configured. Cheap to clone.
#[derive(Clone)]
pub struct Mailer {
    way: Way,
    from: Mailbox,
}

fn impossible(problem: impl Into<String>) -> ConfigurationError {
    ConfigurationError::Impossible(problem.into())
}

impl Mailer {
    /// The mailer of the settings `mail_url` and `mail_from`. Connects to nobody yet.
    pub fn open(config: &Config) -> Result<Self, ConfigurationError> {
        let url = config.mail_url.as_str();
        let way = if url.is_empty() {
            Way::Folder(config.data_dir.join("mail"))
        } else if url == "log" {
            Way::Log
        } else if url == "none" {
            Way::Nowhere
        } else if let Some(folder) = url.strip_prefix("file:").filter(|path| !path.is_empty()) {
            Way::Folder(folder.into())
        } else if url.starts_with("smtp://") || url.starts_with("smtps://") {
            Way::Smtp(connection(url)?)
        } else {
            return Err(impossible(
                "mail_url: none of `smtp://USER:PASSWORD@HOST`, `smtps://…`, `file:DIRECTORY`, `log` and `none`",
            ));
        };
        let from = match (config.mail_from.as_str(), &way) {
            ("", Way::Smtp(_)) => {
                return Err(impossible(
                    "mail_from: needed beside an SMTP server, as in `Paddock <paddock@example.org>`",
                ));
            }
            ("", _) => "Paddock <paddock@localhost>",
            (from, _) => from,
        };
        let from = from
            .parse()
            .map_err(|error| impossible(format!("mail_from: `{from}` is no address: {error}")))?;
        Ok(Self { way, from })
    }

    /// Whether letters leave from here at all.
    pub fn sends(&self) -> bool {
        !matches!(self.way, Way::Nowhere)
    }

    /// Where letters go, in words without secrets.
    pub fn describe(&self) -> String {
        match &self.way {
            Way::Nowhere => "nowhere (they wait for another web node)".into(),
            Way::Log => "the log".into(),
            Way::Folder(folder) => {
                format!("files in {} (set mail_url to send them)", folder.display())
            }
            Way::Smtp(_) => "a mail server".into(),
        }
    }

    /// Sends one letter.
    pub async fn send(&self, letter: &Letter) -> Result<(), SendError> {
        let message = self.message(letter)?;
        match &self.way {
            Way::Nowhere => Err(SendError {
                problem: "mail_url is `none`: no letter leaves from here".into(),
                is_permanent: false,
            }),
            Way::Log if letter.is_confidential => {
                tracing::info!(subject = letter.subject, "a confidential letter");
                Ok(())
            }
            Way::Log => {
                tracing::info!(
                    recipient = letter.recipient,
                    subject = letter.subject,
                    text = letter.text,
                    "a letter"
                );
                Ok(())
            }
            Way::Folder(folder) => {
                // Named by its number: sent twice, it still is one file.
                let path = folder.join(format!("{:09}.eml", letter.id));
                let written = async {
                    tokio::fs::create_dir_all(folder).await?;
                    tokio::fs::write(&path, message.formatted()).await
                };
                written.await.map_err(|error| SendError {
                    problem: format!("{}: {error}", path.display()),
                    is_permanent: false,
                })
            }
            Way::Smtp(transport) => {
                match tokio::time::timeout(PATIENCE, transport.send(message)).await {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err(error)) => Err(SendError {
                        is_permanent: error.is_permanent(),
                        problem: with_causes(&error),
                    }),
                    Err(_) => Err(SendError {
                        problem: format!("the mail server took more than {PATIENCE:?}"),
                        is_permanent: false,
                    }),
                }
            }
        }
    }

    fn message(&self, letter: &Letter) -> Result<Message, SendError> {
        let permanent = |problem: String| SendError {
            problem,
            is_permanent: true,
        };
        let recipient: lettre::Address = letter
            .recipient
            .parse()
            .map_err(|error| permanent(format!("`{}` is no address: {error}", letter.recipient)))?;
        let extra =
            |name, value: String| HeaderValue::new(HeaderName::new_from_ascii_str(name), value);
        let mut message = Message::builder();
        if let Some(preferences_url) = &letter.preferences_url {
            // RFC 2369: how to be rid of such letters.
            let value = format!("<{preferences_url}>");
            message = message.raw_header(extra("List-Unsubscribe", value));
        }
        message
            .from(self.from.clone())
            .to(Mailbox::new(None, recipient))
            .subject(&letter.subject)
            .date(SystemTime::from(letter.written_at))
            .message_id(Some(format!(
                "<{}.{}@{}>",
                letter.written_at.timestamp_micros(),
                letter.id,
                self.from.email.domain()
            )))
            // RFC 3834: that no answer is read.
            .raw_header(extra("Auto-Submitted", "auto-generated".into()))
            .singlepart(SinglePart::plain(letter.text.clone()))
            .map_err(|error| permanent(error.to_string()))
    }
}

/// A connection as the address says. Without `?tls=…` a server of another machine must offer STARTTLS, so
/// that neither password nor letters travel in the clear.
fn connection(url: &str) -> Result<AsyncSmtpTransport<Tokio1Executor>, ConfigurationError> {
    let wrong = |problem: String| {
        impossible(format!(
            "mail_url: `{}` cannot be used: {problem}",
            without_password(url)
        ))
    };
    let mut parsed = reqwest::Url::parse(url).map_err(|error| wrong(error.to_string()))?;
    let host = parsed.host_str().unwrap_or_default();
    let is_this_machine = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let says_how = parsed.query_pairs().any(|(name, _)| name == "tls");
    if parsed.scheme() == "smtp" && !is_this_machine && !says_how {
        parsed.query_pairs_mut().append_pair("tls", "required");
    }
    let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(parsed.as_str())
        .map_err(|error: smtp::Error| wrong(with_causes(&error)))?;
    Ok(builder.timeout(Some(PATIENCE)).build())
}

/// An error with what caused it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailer(mail_url: &str, mail_from: &str) -> Result<Mailer, String> {
        let config = Config {
            mail_url: mail_url.into(),
            mail_from: mail_from.into(),
            ..Config::default()
        };
        Mailer::open(&config).map_err(|error| error.to_string())
    }

    fn letter(recipient: &str, subject: &str) -> Letter {
        Letter {
            id: 7,
            written_at: DateTime::UNIX_EPOCH,
            recipient: recipient.into(),
            subject: subject.into(),
            text: "Schnell wie ein Kart, größer als ein Reifen.".into(),
            preferences_url: Some("https://paddock.example/account/notifications".into()),
            is_confidential: false,
        }
    }

    #[test]
    fn what_cannot_be_is_told_without_its_password() {
        for url in ["pigeon", "file:", "imap://x"] {
            assert!(mailer(url, "").err().unwrap().starts_with("mail_url:"));
        }
        let unnamed = mailer("smtp://u:hunter2@mail.example", "").err().unwrap();
        assert!(unnamed.starts_with("mail_from:"), "{unnamed}");
        let wrong = mailer("smtp://u:hunter2@mail.example?tls=maybe", "a@b.example");
        let wrong = wrong.err().unwrap();
        assert!(
            wrong.contains("tls") && !wrong.contains("hunter2"),
            "{wrong}"
        );
        assert!(mailer("log", "not an address").is_err());
    }

    #[test]
    fn no_letter_can_begin_another_header() {
        let mailer = mailer("log", "Paddock <paddock@example.org>").unwrap();
        let sly = "Hello\r\nBcc: everybody@example.org\r\n\r\nBuy tyres";
        let message = mailer.message(&letter("ada@example.org", sly)).unwrap();
        let wire = String::from_utf8(message.formatted()).unwrap();
        let head = wire.split("\r\n\r\n").next().unwrap();
        assert!(!head.to_lowercase().contains("\nbcc"), "{head}");
        assert!(head.contains("\r\nTo: ada@example.org"), "{head}");
        assert_eq!(message.envelope().to().len(), 1);

        for address in [
            "ada@example.org\r\nBcc: x@example.org",
            "ada@example.org, bob@example.org",
            "<ada@example.org>",
            "",
        ] {
            let refused = mailer.message(&letter(address, "Hello")).unwrap_err();
            assert!(refused.is_permanent, "{address:?}");
        }
    }
}
