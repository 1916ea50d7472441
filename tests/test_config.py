"""
Settings: which source counts, what is refused, and how that is told.
"""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from notifier.config import Config, flag, load_config, settings, variable
from notifier.errors import ConfigError
from notifier.session import Limits


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "notifier.toml"


def test_config_is_all_defaults_when_nothing_is_given() -> None:
    """
    Without any source every setting has its default.
    """
    assert load_config({}, {}, None) == Config()


def test_file_counts_when_nothing_else_is_given(file: Path) -> None:
    """
    The file counts over the defaults.
    """
    file.write_text("port = 1\n")
    assert load_config({}, {}, file).port == 1


def test_environment_counts_when_the_file_says_otherwise(file: Path) -> None:
    """
    The environment counts over the file.
    """
    file.write_text("port = 1\n")
    assert load_config({}, {"NOTIFIER_PORT": "2"}, file).port == 2


def test_flag_counts_when_the_environment_says_otherwise(file: Path) -> None:
    """
    A flag counts over the environment and the file.
    """
    file.write_text("port = 1\n")
    assert load_config({"port": "3"}, {"NOTIFIER_PORT": "2"}, file).port == 3


def test_flag_does_not_count_when_it_was_not_given() -> None:
    """
    A flag of None leaves the setting to the other sources.
    """
    assert load_config({"port": None}, {"NOTIFIER_PORT": "2"}, None).port == 2


def test_flag_may_be_a_value_when_a_program_gives_it() -> None:
    """
    A program may give a number or a path where a person gives text.
    """
    config = load_config({"port": 0, "data_dir": Path("d"), "check_origin": ["//a"]}, {}, None)
    assert (config.port, config.data_dir, config.check_origin) == (0, Path("d"), ("//a",))


def test_limits_are_settings_when_they_are_given_flat(file: Path) -> None:
    """
    The bounds of a session are set under their own names, beside the others.
    """
    file.write_text("max_channels = 7\n")
    config = load_config({}, {"NOTIFIER_WINDOW_MS": "500"}, file)
    assert config.limits == Limits(max_channels=7, window_ms=500)


def test_environment_names_the_file_when_no_flag_does(file: Path) -> None:
    """
    NOTIFIER_CONFIG names the file, and is no setting itself.
    """
    file.write_text("port = 1\n")
    assert load_config({}, {"NOTIFIER_CONFIG": str(file)}, None).port == 1


def test_variables_of_others_are_left_alone_when_they_stand_beside_ours() -> None:
    """
    Only what begins with NOTIFIER_ concerns us.
    """
    assert load_config({}, {"PORT": "x", "NOTIFIERS": "y"}, None) == Config()


def test_list_is_read_when_the_file_has_an_array(file: Path) -> None:
    """
    A list is an array in the file.
    """
    file.write_text('check_origin = ["https://a.example", "//*.b.example"]\n')
    assert load_config({}, {}, file).check_origin == ("https://a.example", "//*.b.example")


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("10.0.0.0/8, ::1", ("10.0.0.0/8", "::1")),
        ("10.0.0.0/8,", ("10.0.0.0/8",)),
        ("", ()),
    ],
)
def test_list_is_read_when_a_variable_has_commas(text: str, networks: tuple[str, ...]) -> None:
    """
    A list is separated by commas in the environment, and empty where it is.
    """
    config = load_config({}, {"NOTIFIER_TRUSTED_PROXIES": text}, None)
    assert config.trusted_proxies == networks


@pytest.mark.parametrize(
    ("text", "truth"), [("true", True), ("1", True), ("False", False), ("0", False)]
)
def test_truth_is_read_from_text(text: str, truth: bool) -> None:
    """
    The environment has words for it, a file its own.
    """
    assert load_config({}, {"NOTIFIER_CREATE_USERS": text}, None).create_users is truth


@pytest.mark.parametrize("text", ["yes", "", "2"])
def test_text_is_refused_when_it_is_no_truth(text: str) -> None:
    """
    What is not understood is not taken for a no.
    """
    with pytest.raises(ConfigError, match=r"^NOTIFIER_CREATE_USERS: expected true or false, got"):
        load_config({}, {"NOTIFIER_CREATE_USERS": text}, None)


def test_secrets_of_the_environment_are_no_settings() -> None:
    """
    They stand in no Config, and so in no repr and no error.
    """
    environ = {"NOTIFIER_JWT_SECRET": "SECRET", "NOTIFIER_API_KEY": "SECRET"}
    assert "SECRET" not in repr(load_config({}, environ, None))


def test_app_is_none_in_effect_when_it_is_empty() -> None:
    """
    An empty app stands for the application that ships.
    """
    assert not load_config({}, {"NOTIFIER_APP": ""}, None).app


def test_unknown_flag_is_refused_when_it_is_misspelt() -> None:
    """
    A misspelt flag is answered with the nearest flags.
    """
    with pytest.raises(ConfigError, match=r"^--prot is no setting; the nearest are --port"):
        load_config({"prot": "1"}, {}, None)


def test_unknown_variable_is_refused_when_it_is_misspelt() -> None:
    """
    A misspelt variable is answered with the nearest variables.
    """
    expected = "^NOTIFIER_DATADIR is no setting; the nearest are NOTIFIER_DATA_DIR"
    with pytest.raises(ConfigError, match=expected):
        load_config({}, {"NOTIFIER_DATADIR": "d"}, None)


def test_unknown_key_is_refused_when_it_is_misspelt_in_the_file(file: Path) -> None:
    """
    A misspelt key of the file is answered with the file and the nearest keys.
    """
    file.write_text("max_chanels = 7\n")
    expected = f"^{file}: max_chanels is no setting; the nearest are max_channels"
    with pytest.raises(ConfigError, match=expected):
        load_config({}, {}, file)


def test_nearest_are_told_when_nothing_is_near() -> None:
    """
    However far off a name is, some names are told.
    """
    with pytest.raises(ConfigError, match=r"the nearest are NOTIFIER_[A-Z_]+, NOTIFIER_[A-Z_]+"):
        load_config({}, {"NOTIFIER_QQQQ": "x"}, None)


def test_value_of_an_unknown_variable_is_not_told_when_it_is_refused() -> None:
    """
    What a misspelt variable holds may be anybody's secret.
    """
    with pytest.raises(ConfigError) as caught:
        load_config({}, {"NOTIFIER_PASSWORD": "hunter2"}, None)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("name", "value"), [("limits", "x"), ("LIMITS", "x"), ("Port", "1")])
def test_key_is_refused_when_it_only_looks_like_a_setting(name: str, value: str) -> None:
    """
    Names count as they are spelled, and the part that holds the limits is none.
    """
    with pytest.raises(ConfigError, match="is no setting"):
        load_config({}, {f"NOTIFIER_{name}": value}, None)


@pytest.mark.parametrize("text", ["x", "", "1.0", "0x10", "tcp://10.0.0.1:4000", "１"])
def test_text_is_refused_when_it_is_no_number(text: str) -> None:
    """
    A variable that should be a number says what was expected and what came.
    """
    with pytest.raises(ConfigError) as caught:
        load_config({}, {"NOTIFIER_PORT": text}, None)
    assert str(caught.value) == f"NOTIFIER_PORT: expected a whole number, got {text!r}"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('port = "4000"', "port: expected a whole number, got '4000'"),
        ("port = true", "port: expected a whole number, got True"),
        ("port = 4000.0", "port: expected a whole number, got 4000.0"),
        ("host = 127", "host: expected a string, got 127"),
        ("data_dir = []", "data_dir: expected a path, got []"),
        ('check_origin = "//a"', "check_origin: expected a list of strings, got '//a'"),
        ("check_origin = [1]", "check_origin: expected a list of strings, got [1]"),
        ("max_channels = [1]", "max_channels: expected a whole number, got [1]"),
    ],
)
def test_value_is_refused_when_the_file_has_another_type(file: Path, line: str, told: str) -> None:
    """
    A file is taken at its word: text is no number, and one string no list.
    """
    file.write_text(line)
    with pytest.raises(ConfigError) as caught:
        load_config({}, {}, file)
    assert str(caught.value) == f"{file}: {told}"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("port", "65536", "expected a port from 0 to 65535, got 65536"),
        ("port", "-1", "expected a port from 0 to 65535, got -1"),
        ("host", "", "expected one that is not empty, got ''"),
        ("data_dir", "", "expected one that is not empty, got ''"),
        ("app", "chat", "expected module:attribute, such as examples.chat:app, got 'chat'"),
        ("log_level", "loud", "expected one of debug, info, warning, error, got 'loud'"),
        ("token_max_age_s", "0", "expected at least 1, got 0"),
        ("shutdown_timeout_s", "0", "expected at least 1, got 0"),
        ("max_channels", "0", "'max_channels' must be >= 1: 0"),
    ],
)
def test_value_is_refused_when_it_is_out_of_bounds(name: str, value: str, told: str) -> None:
    """
    A value of the right type that makes no sense is refused where it came from.
    """
    with pytest.raises(ConfigError) as caught:
        load_config({name: value}, {}, None)
    assert str(caught.value) == f"{flag(name)}: {told}"


def test_value_is_checked_when_a_better_one_hides_it() -> None:
    """
    A wrong value is told even where a flag would count over it.
    """
    with pytest.raises(ConfigError, match=r"^NOTIFIER_PORT: "):
        load_config({"port": "1"}, {"NOTIFIER_PORT": "x"}, None)


def test_value_is_cut_when_it_is_long() -> None:
    """
    An error stays readable whatever was pasted into a setting.
    """
    with pytest.raises(ConfigError) as caught:
        load_config({"port": "x" * 10_000}, {}, None)
    assert len(str(caught.value)) < 150


def test_file_is_refused_when_it_is_not_there(file: Path) -> None:
    """
    A file that was named and cannot be read is an error.
    """
    with pytest.raises(ConfigError, match=f"^cannot read {file}: No such file"):
        load_config({}, {}, file)


@pytest.mark.parametrize("data", [b"port =", b"port = 1\nport = 2", b"\xff"])
def test_file_is_refused_when_it_is_not_toml(file: Path, data: bytes) -> None:
    """
    A mistake in the file is told with the file's name.
    """
    file.write_bytes(data)
    with pytest.raises(ConfigError, match=f"^{file}: expected TOML in UTF-8, got a mistake"):
        load_config({}, {}, file)


def test_config_checks_when_it_is_made_directly() -> None:
    """
    A program that makes a Config is told what it got wrong.
    """
    with pytest.raises(ValueError, match="expected a port from 0 to 65535, got 70000"):
        Config(port=70_000)


def test_settings_have_a_default_and_a_doc_when_they_are_listed() -> None:
    """
    Every setting, also every bound of a session, can be listed with its doc.
    """
    listed = settings()
    assert listed.keys() >= {one.name for one in attrs.fields(Limits)} | {"host", "port"}
    assert all(one.doc for one in listed.values())
    assert attrs.NOTHING not in [one.default for one in listed.values()]


def test_default_is_good_when_it_is_given_back(file: Path) -> None:
    """
    Every default passes as a value of its own setting.
    """
    given = {
        variable(name): ",".join(one.default) if one.kind is tuple else str(one.default)
        for name, one in settings().items()
        if one.default is not None
    }
    assert load_config({}, given, None) == Config()
