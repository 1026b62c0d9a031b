//! A SCRAM client that says exactly what it is told to.

use exeat_tests::exeat::Process;
use exeat_tests::lab::Lab;
use exeat_tests::scram::{Keys, attribute, decode, encode, end_point};
use exeat_tests::wire::{Message, Wire, cstr, frame, kinds, startup};

pub(super) const PASSWORD: &str = "correct horse";
pub(super) const PLUS: &str = "SCRAM-SHA-256-PLUS";
pub(super) const PLAIN: &str = "SCRAM-SHA-256";
pub(super) const END_POINT: &str = "p=tls-server-end-point,,";

/// The proxy as a client finds it.
pub(super) struct Door<'a> {
    exeat: &'a Process,
    root: String,
    end_point: Vec<u8>,
}

impl<'a> Door<'a> {
    pub(super) fn of(lab: &Lab, exeat: &'a Process) -> Self {
        let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap();
        Self {
            exeat,
            root: read(lab.ca()),
            end_point: end_point(&read(lab.path("issued/exeat.pem"))),
        }
    }

    /// Begins a session; gives the mechanisms that are offered.
    pub(super) fn knock(&self, tls: bool, user: &str) -> (Wire, Vec<String>) {
        let mut wire = if tls {
            Wire::connect_tls(self.exeat.dbproxy(), &self.root)
        } else {
            Wire::connect(self.exeat.addresses.dbproxy[1])
        };
        wire.send(startup(196_608, &[("user", user), ("database", "shop")]));
        let asked = wire.message().unwrap();
        assert_eq!((asked.kind, &asked.body[..4]), ('R', &[0, 0, 0, 10][..]));
        let offered = String::from_utf8(asked.body[4..].to_vec()).unwrap();
        let offered = offered.split('\0').filter(|name| !name.is_empty());
        let offered = offered.map(str::to_owned).collect();
        (wire, offered)
    }

    /// The whole exchange.
    pub(super) fn attempt(&self, attempt: &Attempt) -> Answer {
        let (mut wire, offered) = self.knock(attempt.tls, attempt.user);
        let bare = format!("n=,r={}", attempt.nonce);
        wire.send(initial(
            attempt.mechanism,
            &format!("{}{bare}", attempt.header),
        ));
        let challenge = match wire.message() {
            Some(message) if message.kind == 'R' => {
                String::from_utf8(message.body[4..].to_vec()).unwrap()
            }
            other => {
                let messages = other.into_iter().chain(wire.to_end()).collect();
                return Answer {
                    offered,
                    challenge: None,
                    messages,
                };
            }
        };
        let nonce = (attempt.returned)(attribute(&challenge, 'r'));
        let data = match attempt.data {
            Data::None => Vec::new(),
            Data::Right => self.end_point.clone(),
            Data::Wrong => vec![7; 32],
        };
        let repeated = encode(&[attempt.repeated.as_bytes(), &data].concat());
        let without_proof = format!("c={repeated},r={nonce}");
        let keys = Keys::of(
            attempt.password,
            &decode(attribute(&challenge, 's')),
            attribute(&challenge, 'i').parse().unwrap(),
        );
        let proof = keys.proof(&format!("{bare},{challenge},{without_proof}"));
        let last = (attempt.last)(&without_proof, &proof);
        wire.send(frame('p', last.as_bytes()));
        let messages = wire.until_ready();
        Answer {
            offered,
            challenge: Some(challenge),
            messages,
        }
    }
}

/// What a client says; by default it is right in everything.
pub(super) struct Attempt {
    pub(super) tls: bool,
    pub(super) user: &'static str,
    pub(super) password: &'static str,
    pub(super) mechanism: &'static str,
    /// The GS2 header of the first message.
    pub(super) header: &'static str,
    /// The one that the last message repeats.
    pub(super) repeated: &'static str,
    pub(super) data: Data,
    pub(super) nonce: &'static str,
    /// The nonce of the last message.
    pub(super) returned: fn(&str) -> String,
    /// The last message.
    pub(super) last: fn(&str, &str) -> String,
}

/// Channel binding data.
pub(super) enum Data {
    None,
    Right,
    Wrong,
}

pub(super) struct Answer {
    pub(super) offered: Vec<String>,
    pub(super) challenge: Option<String>,
    pub(super) messages: Vec<Message>,
}

impl Answer {
    /// What the client can see of a refusal, without the id of its record.
    pub(super) fn seen(&self) -> String {
        let error = self.messages.iter().find(|message| message.kind == 'E');
        let field = |name| {
            error
                .and_then(|error| error.field(name))
                .unwrap_or_default()
        };
        let detail = field('D');
        let reason = detail.split(" Decision").next().unwrap_or_default();
        let fields = ['S', 'C', 'M', 'H'].map(field).join("|");
        format!("{} {fields} {reason}", kinds(&self.messages))
    }
}

pub(super) fn plain() -> Attempt {
    Attempt {
        tls: true,
        user: "alice",
        password: PASSWORD,
        mechanism: PLAIN,
        header: "n,,",
        repeated: "n,,",
        data: Data::None,
        nonce: "the-clients-own",
        returned: str::to_owned,
        last: |without_proof, proof| format!("{without_proof},p={proof}"),
    }
}

pub(super) fn plus() -> Attempt {
    Attempt {
        mechanism: PLUS,
        header: END_POINT,
        repeated: END_POINT,
        data: Data::Right,
        ..plain()
    }
}

pub(super) fn initial(mechanism: &str, first: &str) -> Vec<u8> {
    let length = u32::try_from(first.len()).unwrap().to_be_bytes();
    let body = [cstr(mechanism), length.to_vec(), first.into()].concat();
    frame('p', &body)
}
