//! Who answers, but not what was asked for.

use super::super::fake::Said;
use super::*;

#[test]
fn nonsense_is_no_answer() {
    const ANSWERS: [&[u8]; 5] = [
        b"",
        b"\x00\xff\x16\x03\x01 nonsense",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[7]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"Id\":7}}",
        // An empty one of HTTP/2, and a frame that claims 16 MiB.
        b"\x00\x00\x00\x04\x00\x00\x00\x00\x00\xff\xff\xff\x00\x00\x00\x00\x00\x01aaaa",
    ];
    for answer in ANSWERS {
        let tree = Tree::new();
        Fake::start(&tree, DOCKER, Manner::Says(answer));
        Fake::start(&tree, CONTAINERD, Manner::Says(answer));
        let mut sockets = Sockets::new(tree.root(), Vec::new());
        for runtime in [Runtime::Docker, Runtime::Containerd] {
            let mut identity = poor(runtime, ID);
            let before = identity.clone();
            assert!(!ask(&mut sockets, &mut identity).0, "{answer:?}");
            assert_eq!(identity, before);
        }
    }
}

/// How often a CRI that says this is connected to by who asks twice.
fn connections(said: Said) -> u64 {
    let tree = Tree::new();
    let fake = Fake::start(&tree, CONTAINERD, Manner::Http2(said));
    let mut sockets = Sockets::new(tree.root(), Vec::new());
    for id in [ID, ID2] {
        assert!(!ask(&mut sockets, &mut poor(Runtime::Containerd, id)).0);
    }
    fake.connections()
}

const NOTHING: Said = Said {
    status: 200,
    head: None,
    body: b"",
    tail: None,
};

#[test]
fn who_speaks_no_grpc_is_left_alone() {
    // A message of two bytes that is no protobuf.
    const BAD: &[u8] = b"\0\0\0\0\x02\xff\xff";
    let said = |status, body| Said {
        status,
        body,
        ..NOTHING
    };
    for nonsense in [
        said(200, b"<html><body>It works!</body></html>"),
        said(400, b""),
        said(404, b"not found"),
        said(500, b""),
        said(502, b"bad gateway"),
        said(200, b""),
        said(200, BAD),
        // It claims more than there is.
        said(200, b"\0\0\0\0\x09aa"),
        Said {
            tail: Some("0"),
            ..said(200, BAD)
        },
        Said {
            head: Some("nonsense"),
            ..NOTHING
        },
    ] {
        assert_eq!(connections(nonsense), 1, "{nonsense:?}");
    }
}

#[test]
fn an_error_of_the_daemons_is_an_answer() {
    // Not found, failed, and unknown; in the head, as Go's servers have it, or behind.
    for code in ["5", "13", "2"] {
        let (head, tail) = (Some(code), Some(code));
        assert_eq!(connections(Said { head, ..NOTHING }), 2, "{code}");
        assert_eq!(connections(Said { tail, ..NOTHING }), 2, "{code}");
    }
    // One that will not be better with another question: no such service, overload.
    for code in ["12", "14", "8"] {
        let head = Some(code);
        assert_eq!(connections(Said { head, ..NOTHING }), 1, "{code}");
    }
}
