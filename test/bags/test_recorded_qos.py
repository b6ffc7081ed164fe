import yaml

from zoedepth_ros.bags.recorded_qos import Profile, profiles_text

FOREVER = {'sec': 9223372036, 'nsec': 854775807}  # RMW_DURATION_INFINITE


def test_offers_are_written_as_rosbag2_writes_them():
    offers = [Profile(), Profile(history=3, depth=0, reliability=2, deadline_ns=1_500_000_000)]
    first, second = yaml.safe_load(profiles_text(offers))
    assert first == {
        'history': 1,
        'depth': 5,
        'reliability': 1,
        'durability': 2,
        'deadline': FOREVER,
        'lifespan': FOREVER,
        'liveliness': 1,
        'liveliness_lease_duration': FOREVER,
        'avoid_ros_namespace_conventions': False,
    }
    assert (second['history'], second['depth'], second['reliability']) == (3, 0, 2)
    assert second['deadline'] == {'sec': 1, 'nsec': 500_000_000}


def test_policies_have_the_names_of_newer_versions_too():
    (named,) = yaml.safe_load(profiles_text([Profile(history=3, durability=1)], by_name=True))
    words = [named[key] for key in ('history', 'reliability', 'durability', 'liveliness')]
    assert words == ['unknown', 'reliable', 'transient_local', 'automatic']


def test_nobody_has_offered_anything():
    assert profiles_text([]) == ''
