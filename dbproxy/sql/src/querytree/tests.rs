use super::shape;

#[test]
fn the_shapes_of_every_major_version_can_be_read() {
    for major in shape::MAJORS {
        assert!(shape::of(major).is_ok(), "{major}");
    }
    for major in [13, 19, 0, u16::MAX] {
        assert!(shape::of(major).is_err(), "{major}");
    }
}
