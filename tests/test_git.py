"""Real repositories, read as somebody may have prepared them."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cxgov.evidence.commits import Difference, Identity, read_differences
from cxgov.evidence.failures import CannotSay
from cxgov.evidence.git import Conflict, Repository
from cxgov.evidence.listings import Refusal
from cxgov.language.reader import MAX_BYTES
from tests.repos import ANN, BEN, CAM, ENVIRONMENT, FORGE, Person, Repo

NONE = "0" * 40
Opener = Callable[..., Repository]


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "repo")


@pytest.fixture
def opened() -> Iterator[Opener]:
    """Opens repositories that are closed with the test."""
    made: list[Repository] = []

    def opening(folder: Path | Repo, environment: dict[str, str] | None = None) -> Repository:
        path = folder.folder if isinstance(folder, Repo) else folder
        made.append(Repository(path, environment or ENVIRONMENT))
        return made[-1]

    yield opening
    for each in made:
        each.close()


# --- opening ---


def test_a_repository_is_found_from_below_and_tells_its_top(repo: Repo, opened: Opener) -> None:
    head = repo.commit({"metrics/a.yaml": "a: 1\n"})
    its = opened(repo.folder / "metrics")
    assert its.top == repo.folder
    assert its.commit("HEAD") == head


@pytest.mark.parametrize("missing", [False, True])
def test_a_folder_without_a_repository_cannot_be_judged(tmp_path: Path, *, missing: bool) -> None:
    with pytest.raises(CannotSay, match="is in no git repository"):
        Repository(tmp_path / "nothing" if missing else tmp_path, ENVIRONMENT)


def test_without_git_the_message_says_what_to_install(repo: Repo, tmp_path: Path) -> None:
    with pytest.raises(CannotSay, match=r"install git 2\.39"):
        Repository(repo.folder, {"PATH": str(tmp_path)})


def test_a_git_that_a_relative_path_finds_is_not_run(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = repo.folder / "git"
    planted.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    planted.chmod(0o755)
    monkeypatch.chdir(repo.folder)
    with pytest.raises(CannotSay, match="not installed"):
        Repository(repo.folder, {"PATH": "."})
    assert not (tmp_path / "ran").exists()


def test_the_environment_does_not_lead_to_another_repository(
    repo: Repo, tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = repo.commit({"a": "1"})
    other = Repo(tmp_path / "other")
    other.commit({"a": "another"})
    named = {
        "GIT_DIR": f"{other.folder}/.git",
        "GIT_COMMON_DIR": f"{other.folder}/.git",
        "GIT_OBJECT_DIRECTORY": f"{other.folder}/.git/objects",
        "GIT_WORK_TREE": str(other.folder),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.worktree",
        "GIT_CONFIG_VALUE_0": str(other.folder),
        "GIT_CEILING_DIRECTORIES": "/",
        "GIT_NAMESPACE": "elsewhere",
    }
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    its = opened(repo, ENVIRONMENT | named)
    assert its.commit("main") == head
    assert its.tree(head).blobs["a"] == repo.git("rev-parse", f"{head}:a")


def test_a_planted_bare_repository_is_not_opened_for_the_one_around_it(repo: Repo) -> None:
    repo.commit({"metrics/HEAD": "ref: refs/heads/main\n", "metrics/objects/x": "", "metrics/refs/x": ""})
    with pytest.raises(CannotSay, match="a repository within another one"):
        Repository(repo.folder / "metrics", ENVIRONMENT)


@pytest.mark.parametrize("kind", ["bare", "linked work tree", "borrowing", "sha256", "odd name"])
def test_every_kind_of_repository_is_read(tmp_path: Path, opened: Opener, kind: str) -> None:
    options = ["--object-format=sha256"] if kind == "sha256" else []
    repo = Repo(tmp_path / ('a"b\\c\nd#é' if kind == "odd name" else "repo"), *options)
    head = repo.commit({"metrics/a.yaml": "a: 1\n"})
    path = repo.folder
    match kind:
        case "bare":
            path = tmp_path / "bare.git"
            repo.git("clone", "--quiet", "--bare", str(repo.folder), str(path))
        case "linked work tree":
            path = tmp_path / "linked"
            repo.git("worktree", "add", "--quiet", "-b", "side", str(path))
        case "borrowing":
            path = tmp_path / "borrowing"
            repo.git("clone", "--quiet", "--shared", str(repo.folder), str(path))
    its = opened(path)
    assert its.commit("HEAD") == head
    [(name, oid)] = its.tree(head, "metrics").blobs.items()
    assert (name, its.blobs([oid])) == ("metrics/a.yaml", {oid: b"a: 1\n"})
    assert its.merged_tree(head, head) == repo.git("rev-parse", f"{head}^{{tree}}")
    assert its.first_parents(None, head) == (head,)
    assert its.commits(head, head) == ()


# --- names ---


def test_a_revision_is_the_full_oid_of_its_commit(repo: Repo, opened: Opener) -> None:
    first, second = repo.commit({"a": "1"}), repo.commit({"a": "2"})
    repo.git("tag", "-a", "-m", "A tag", "v1", first)
    its = opened(repo)
    assert [its.commit(rev) for rev in ("main", "HEAD", "refs/heads/main", second, second[:9])] == [second] * 5
    assert [its.commit(rev) for rev in ("main~1", "HEAD^", "v1", "v1^{commit}")] == [first] * 4


@pytest.mark.parametrize(
    "rev",
    [
        "--upload-pack=touch ran",
        "--output=ran",
        "-h",
        "--all",
        "^main",
        "main..main",
        "main^@",
        "main^!",
        "nothing",
        "f" * 40,
        "",
        "main\0",
        "main\nmain",
        "HEAD:a",
    ],
)
def test_what_names_no_commit_cannot_be_judged(repo: Repo, opened: Opener, rev: str) -> None:
    repo.commit({"a": "1"})
    its = opened(repo)
    with pytest.raises(CannotSay, match="is no "):
        its.commit(rev)
    assert not list(repo.folder.rglob("ran"))


@pytest.mark.parametrize("kind", ["tags", "remotes"])
def test_a_name_of_several_refs_cannot_be_judged(repo: Repo, opened: Opener, kind: str) -> None:
    """Whoever may push a tag must not choose what `--trusted main` is."""
    first, second = repo.commit({"a": "1"}), repo.commit({"a": "2"})
    repo.git("update-ref", f"refs/{kind}/main", first)
    its = opened(repo)
    for rev in ("main", "main~1", "main^{tree}"):
        with pytest.raises(CannotSay, match=f"refs/heads/main and refs/{kind}/main: write the one"):
            its.commit(rev)
    with pytest.raises(CannotSay, match="write the one"):
        its.full_name("main")
    assert its.commit("refs/heads/main") == second
    assert its.commit(f"refs/{kind}/main") == first


def test_a_ref_has_the_name_that_it_has_where_it_comes_from(repo: Repo, tmp_path: Path, opened: Opener) -> None:
    head = repo.commit({"a": "1"})
    repo.git("branch", "release/2026")
    repo.git("tag", "v1")
    clone = tmp_path / "clone"
    repo.git("clone", "--quiet", "--origin", "up/stream", str(repo.folder), str(clone))
    its = opened(clone)
    names = {rev: its.full_name(rev) for rev in ("main", "HEAD", "up/stream/main", "up/stream", "v1", head, "main~0")}
    assert names == {
        "main": "refs/heads/main",
        "HEAD": "refs/heads/main",
        "up/stream/main": "refs/heads/main",
        "up/stream": "refs/heads/main",
        "v1": "refs/tags/v1",
        head: None,
        "main~0": None,
    }
    assert its.full_name("up/stream/release/2026") == "refs/heads/release/2026"
    assert its.full_name("--all") is None


# --- trees ---


def test_paths_are_read_whole_whatever_letters_they_have(repo: Repo, opened: Opener) -> None:
    names = ["metrics/é.yaml", "metrics/sub folder/a b.yaml", "metrics/مرحبا.yaml", "metrics/#x.yaml"]
    head = repo.commit(dict.fromkeys(names, "a: 1\n") | {"elsewhere/b.yaml": "", "metrics.yaml": ""})
    its = opened(repo).tree(head, "metrics")
    oid = repo.blob(b"a: 1\n")
    assert its.blobs == dict.fromkeys(names, oid)
    assert not its.refused


def test_a_folder_that_is_not_there_has_no_files(repo: Repo, opened: Opener) -> None:
    head = repo.commit({"a/b/c.yaml": "1"})
    its = opened(repo)
    assert not its.tree(head, "metrics").blobs
    assert list(its.tree(head, "a/b").blobs) == ["a/b/c.yaml"]
    assert list(its.tree(head).blobs) == ["a/b/c.yaml"]


def test_links_submodules_and_executables_are_refused(repo: Repo, opened: Opener) -> None:
    (repo.folder / "metrics").mkdir()
    (repo.folder / "metrics/link.yaml").symlink_to("/etc/passwd")
    repo.write({"metrics/run.yaml": "a: 1\n", "run.sh": ""})
    (repo.folder / "metrics/run.yaml").chmod(0o755)
    (repo.folder / "run.sh").chmod(0o755)
    first = repo.commit({"metrics/good.yaml": "a: 1\n"})
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{first},metrics/module")
    repo.git("commit", "--quiet", "-m", "A submodule")
    its = opened(repo).tree(repo.head(), "metrics")
    assert list(its.blobs) == ["metrics/good.yaml"]
    assert its.refused == (
        Refusal("metrics/link.yaml", "a symbolic link"),
        Refusal("metrics/module", "a submodule"),
        Refusal("metrics/run.yaml", "an executable file"),
    )


@pytest.mark.parametrize("mode", ["120000", "100644", "160000"])
def test_a_folder_that_is_something_else_is_refused(repo: Repo, opened: Opener, mode: str) -> None:
    tree = repo.tree((mode, "metrics", repo.blob(b"elsewhere")))
    its = opened(repo).tree(tree, "metrics")
    reason = {"120000": "a symbolic link", "160000": "a submodule"}.get(mode, "a file where the folder belongs")
    assert (its.blobs, its.refused) == ({}, (Refusal("metrics", reason),))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("defs/nps.yaml", "defs/NPS.yaml"),
        ("defs/caf\u00e9.yaml", "defs/cafe\u0301.yaml"),
        ("defs/stra\u00dfe.yaml", "defs/STRASSE.yaml"),
        ("defs/\u00c9.yaml", "defs/e\u0301.yaml"),
    ],
)
def test_paths_that_are_one_to_a_file_system_are_refused(repo: Repo, opened: Opener, one: str, other: str) -> None:
    head = repo.commit({f"metrics/{one}": "1", f"metrics/{other}": "2", "metrics/kept.yaml": "3"})
    its = opened(repo).tree(head, "metrics")
    assert list(its.blobs) == ["metrics/kept.yaml"]
    assert {refusal.path for refusal in its.refused} == {f"metrics/{one}", f"metrics/{other}"}
    assert all("one path with" in refusal.reason for refusal in its.refused)


def test_folders_that_are_one_to_a_file_system_are_refused_once(repo: Repo, opened: Opener) -> None:
    head = repo.commit({"metrics/Defs/a.yaml": "1", "metrics/defs/b.yaml": "2", "metrics/kept.yaml": "3"})
    its = opened(repo).tree(head, "metrics")
    assert list(its.blobs) == ["metrics/kept.yaml"]
    assert [refusal.path for refusal in its.refused] == ["metrics/Defs", "metrics/defs"]


def test_a_twin_of_the_registry_itself_is_refused(repo: Repo, opened: Opener) -> None:
    head = repo.commit({"metrics/a.yaml": "1", "Metrics/b.yaml": "2", "x/metrics/c.yaml": "3", "X/d": "4"})
    its = opened(repo)
    assert [refusal.path for refusal in its.tree(head, "metrics").refused] == ["Metrics", "metrics"]
    assert [refusal.path for refusal in its.tree(head, "x/metrics").refused] == ["X", "x"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("con", "keeps for a device"),
        ("NUL.yaml", "keeps for a device"),
        ("aux.tar.yaml", "keeps for a device"),
        ("com1.yaml", "keeps for a device"),
        ("LPT\u00b9.yaml", "keeps for a device"),
        ("prn .yaml", "keeps for a device"),
        ("a.yaml.", "last dot or space"),
        ("a.yaml ", "last dot or space"),
        ("a:b.yaml", "':' in its name"),
        ("a\\b.yaml", "in its name"),
        ("a?.yaml", "in its name"),
        ("a\nb.yaml", "cannot be seen"),
        ("a\u200bb.yaml", "cannot be seen"),
        ("a\u202eb.yaml", "cannot be seen"),
        ("git~1", "git's own folder"),
        (b"\xff.yaml", "in its name"),
        (".GIT", "git's own folder"),
        ("..", "leads to another folder"),
        (".", "leads to another folder"),
    ],
)
def test_names_that_some_file_system_reads_otherwise_are_refused(
    repo: Repo, opened: Opener, name: str | bytes, reason: str
) -> None:
    oid = repo.blob(b"1")
    top = repo.tree(("40000", "metrics", repo.tree(("100644", name, oid), ("100644", "zz.yaml", oid))))
    its = opened(repo).tree(top, "metrics")
    [refusal] = its.refused
    assert reason in refusal.reason
    assert list(its.blobs) == ["metrics/zz.yaml"]


@pytest.mark.parametrize("name", ["console.yaml", "com10.yaml", ".hidden", "auxiliary", "a-b_c.1.yaml", "Ünder.yaml"])
def test_names_that_only_look_reserved_are_read(repo: Repo, opened: Opener, name: str) -> None:
    head = repo.commit({f"metrics/{name}": "1"})
    its = opened(repo).tree(head, "metrics")
    assert (list(its.blobs), its.refused) == ([f"metrics/{name}"], ())


def test_a_raw_tree_with_two_entries_of_one_name_is_refused(repo: Repo, opened: Opener) -> None:
    one, other = repo.blob(b"one"), repo.blob(b"other")
    folder = repo.tree(("100644", "a.yaml", one), ("100644", "a.yaml", other), ("100644", "b.yaml", one))
    its = opened(repo)
    read = its.tree(repo.tree(("40000", "metrics", folder)), "metrics")
    assert (list(read.blobs), read.refused) == (
        ["metrics/b.yaml"],
        (Refusal("metrics/a.yaml", "two entries of one name"),),
    )
    inner = [repo.tree(("100644", name, one)) for name in ("x.yaml", "y.yaml")]
    twice = repo.tree(*(("40000", "defs", oid) for oid in inner))
    read = its.tree(repo.tree(("40000", "metrics", twice)), "metrics")
    assert (dict(read.blobs), read.refused) == ({}, (Refusal("metrics/defs", "two entries of one name"),))
    both = repo.tree(("40000", "metrics", inner[0]), ("40000", "metrics", inner[1]))
    read = its.tree(both, "metrics")
    assert (dict(read.blobs), read.refused) == ({}, (Refusal("metrics", "two entries of one name"),))


@pytest.mark.parametrize("name", ["../evil.yaml", "/etc/passwd", "sub/evil.yaml", "./evil.yaml"])
def test_a_raw_tree_with_a_path_for_a_name_is_refused(repo: Repo, opened: Opener, name: str) -> None:
    oid = repo.blob(b"1")
    top = repo.tree(("40000", "metrics", repo.tree(("100644", name, oid))))
    its = opened(repo).tree(top, "metrics")
    assert (dict(its.blobs), its.refused) == ({}, (Refusal(f"metrics/{name}", "a slash within a name"),))


def test_what_is_under_a_refused_folder_is_not_read(repo: Repo, opened: Opener) -> None:
    oid = repo.blob(b"1")
    deep = repo.tree(("40000", "..", repo.tree(("40000", "x", repo.tree(("100644", "evil.yaml", oid))))))
    its = opened(repo).tree(repo.tree(("40000", "metrics", deep)), "metrics")
    assert (dict(its.blobs), its.refused) == ({}, (Refusal("metrics/..", "a name that leads to another folder"),))


def test_a_broken_tree_cannot_be_judged(repo: Repo, opened: Opener) -> None:
    oid = repo.blob(b"1")
    its = opened(repo)
    for broken in (
        repo.tree(("100644", "", oid)),
        repo.git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=b"100644 a.yaml\0cut"),
    ):
        with pytest.raises(CannotSay, match="git ls-tree"):
            its.tree(repo.tree(("40000", "metrics", broken)), "metrics")


def test_an_object_is_named_in_full(repo: Repo, opened: Opener) -> None:
    repo.commit({"a": "1"})
    its = opened(repo)
    for name in ("main", "--help", "abc", "F" * 40):
        with pytest.raises(CannotSay, match="not the full name of an object"):
            its.tree(name)
        with pytest.raises(CannotSay, match="not the full name of an object"):
            its.blobs([name])
    with pytest.raises(CannotSay, match="git ls-tree"):
        its.tree("f" * 40)


# --- bytes ---


def test_blobs_are_the_bytes_as_they_were_committed(repo: Repo, opened: Opener) -> None:
    """No attribute rewrites them, though a checkout would."""
    repo.commit({".gitattributes": "*.yaml text eol=crlf ident working-tree-encoding=UTF-16 export-ignore -diff\n"})
    contents = [b"a: 1\n$Id$\n", b"", b"\0\xff\r\n", b"no newline", b"x missing\n"]
    oids = [repo.git("hash-object", "-w", "--stdin", "--no-filters", stdin=content) for content in contents]
    assert opened(repo).blobs([*oids, *oids]) == dict(zip(oids, contents, strict=True))


def test_a_blob_is_read_to_one_byte_over_the_cap(repo: Repo, opened: Opener) -> None:
    sizes = [MAX_BYTES - 1, MAX_BYTES, MAX_BYTES + 1, MAX_BYTES + 2, 5_000_000, 3]
    oids = [repo.blob(b"x" * size) for size in sizes]
    read = opened(repo).blobs(oids)
    assert [len(read[oid]) for oid in oids] == [min(size, MAX_BYTES + 1) for size in sizes]
    assert {len(content) for content in opened(repo).blobs(oids, most=1).values()} == {2}


def test_many_blobs_over_several_trees_are_read_by_one_process(repo: Repo, opened: Opener) -> None:
    first = repo.commit({f"metrics/{i}.yaml": f"n: {i}\n" for i in range(3000)})
    second = repo.commit({"metrics/7.yaml": "n: seven\n"})
    its = opened(repo)
    trees = [its.tree(oid, "metrics").blobs for oid in (first, second)]
    read = its.blobs(oid for tree in trees for oid in tree.values())
    assert len(read) == 3001
    assert [read[tree["metrics/7.yaml"]] for tree in trees] == [b"n: 7\n", b"n: seven\n"]
    assert its.blobs([]) == {}


def test_what_is_no_blob_or_is_missing_cannot_be_judged(repo: Repo, opened: Opener) -> None:
    head = repo.commit({"a": "1"})
    good = repo.blob(b"1")
    its = opened(repo)
    for oid in (head, "f" * 40, repo.git("rev-parse", "HEAD^{tree}")):
        with pytest.raises(CannotSay, match=f"blob {oid} is missing"):
            its.blobs([good, oid])


def test_a_missing_object_is_not_fetched(repo: Repo, tmp_path: Path, opened: Opener) -> None:
    head = repo.commit({"metrics/a.yaml": "a: 1\n"})
    repo.git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "partial"
    source = f"file://{repo.folder}"
    repo.git("clone", "--quiet", "--filter=blob:none", "--no-checkout", source, str(clone))
    its = opened(clone)
    [oid] = its.tree(head, "metrics").blobs.values()
    with pytest.raises(CannotSay, match="fetch all of its objects"):
        its.blobs([oid])


def test_replaced_and_grafted_objects_are_read_as_they_are(repo: Repo, opened: Opener) -> None:
    first = repo.commit({"metrics/a.yaml": "a: 1\n"})
    second = repo.commit({"metrics/a.yaml": "a: 2\n"})
    head = repo.commit({"metrics/a.yaml": "a: 3\n"})
    blobs = [repo.git("rev-parse", f"{oid}:metrics/a.yaml") for oid in (first, head)]
    repo.git("replace", head, first)
    repo.git("replace", blobs[1], blobs[0])
    (repo.folder / ".git/info").mkdir(exist_ok=True)
    (repo.folder / ".git/info/grafts").write_text(f"{head}\n{second}\n")
    assert repo.git("rev-list", "--count", "HEAD") == "1"
    its = opened(repo)
    assert its.commit("HEAD~1") == second
    assert its.tree(head, "metrics").blobs["metrics/a.yaml"] == blobs[1]
    assert its.blobs([blobs[1]]) == {blobs[1]: b"a: 3\n"}
    assert its.first_parents(None, head) == (first, second, head)
    assert [commit.oid for commit in its.commits(first, head)] == [head, second]


# --- merging ---


def test_a_merge_is_made_and_readable_without_touching_the_repository(repo: Repo, opened: Opener) -> None:
    base = repo.commit({"metrics/a.yaml": "a: 1\n", "metrics/b.yaml": "b: 1\n"})
    trusted = repo.commit({"metrics/a.yaml": "a: 2\n"})
    repo.switch("side", base)
    head = repo.commit({"metrics/b.yaml": "b: 2\n"})
    before = sorted(path for path in repo.folder.rglob("*"))
    its = opened(repo)
    assert its.merge_base(trusted, head) == base
    merged = its.merged_tree(trusted, head)
    assert isinstance(merged, str)
    tree = its.tree(merged, "metrics").blobs
    assert its.blobs(tree.values()) == {
        tree["metrics/a.yaml"]: b"a: 2\n",
        tree["metrics/b.yaml"]: b"b: 2\n",
    }
    assert sorted(path for path in repo.folder.rglob("*")) == before
    assert [its.path for its in its.differences(trusted, merged)] == ["metrics/b.yaml"]


def conflict(repo: Repo) -> tuple[str, str]:
    base = repo.commit({"metrics/é.yaml": "a: 1\n"})
    trusted = repo.commit({"metrics/é.yaml": "a: 2\n"})
    repo.switch("side", base)
    return trusted, repo.commit({"metrics/é.yaml": "a: 3\n"})


def test_a_conflict_names_its_paths(repo: Repo, opened: Opener) -> None:
    assert opened(repo).merged_tree(*conflict(repo)) == Conflict(("metrics/é.yaml",))


@pytest.mark.parametrize("where", ["work tree", "committed", "info", "home", "driver", "include"])
def test_no_attribute_or_driver_has_a_say_in_a_merge(
    repo: Repo, tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    if where == "committed":
        repo.commit({".gitattributes": "*.yaml merge=union\n"})
    trusted, head = conflict(repo)
    (repo.folder / ".git/info").mkdir(exist_ok=True)
    driver = f'[merge "evil"]\n\tdriver = touch {tmp_path}/ran\n'
    match where:
        case "work tree":
            repo.write({".gitattributes": "*.yaml merge=union\n"})
        case "info":
            repo.write({".git/info/attributes": "*.yaml merge=union\n"})
        case "home":
            for folder in (tmp_path / "home/.config/git", tmp_path / "xdg/git"):
                folder.mkdir(parents=True)
                (folder / "attributes").write_text("*.yaml merge=union\n")
            monkeypatch.setenv("HOME", str(tmp_path / "home"))
            monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
        case "driver":
            repo.write({".gitattributes": "*.yaml merge=evil\n"})
            with (repo.folder / ".git/config").open("a") as config:
                config.write(driver)
        case "include":
            repo.write({".gitattributes": "*.yaml merge=evil\n", "evil.ini": driver})
            repo.git("config", "include.path", "../evil.ini")
    if where in {"work tree", "driver", "include"}:
        # What the test is about: in the repository itself it would act.
        done = repo.run("merge-tree", "--write-tree", trusted, head)
        assert done.returncode == 0
        assert (tmp_path / "ran").exists() == (where != "work tree")
        (tmp_path / "ran").unlink(missing_ok=True)
    environment = dict(os.environ)
    assert opened(repo, environment).merged_tree(trusted, head) == Conflict(("metrics/é.yaml",))
    assert not (tmp_path / "ran").exists()


def test_no_hook_or_program_of_the_configuration_is_run(repo: Repo, tmp_path: Path, opened: Opener) -> None:
    base = repo.commit({"metrics/a.yaml": "a: 1\n"})
    head = repo.commit({"metrics/a.yaml": "a: 2\n"})
    evil = tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    evil.chmod(0o755)
    for key in (
        "core.pager", "core.editor", "core.fsmonitor", "core.sshCommand", "core.askPass", "core.gitProxy",
        "core.alternateRefsCommand", "diff.external", "diff.x.textconv", "diff.x.command", "filter.x.smudge",
        "filter.x.clean", "gpg.program", "gpg.ssh.program", "credential.helper", "uploadpack.packObjectsHook",
        "interactive.diffFilter", "pager.log", "pager.remote", "trailer.co-authored-by.command", "alias.log",
    ):  # fmt: skip
        repo.git("config", key, str(evil))
    repo.git("config", "log.showSignature", "true")
    repo.git("config", "core.hooksPath", str(tmp_path))
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        shutil.copy(evil, tmp_path / hook)
    repo.write({".gitattributes": "*.yaml diff=x filter=x\n"})
    (tmp_path / "ran").unlink(missing_ok=True)
    its = opened(repo)
    its.full_name("main")
    its.merged_tree(its.commit("main"), head)
    its.blobs(its.tree(head, "metrics").blobs.values())
    its.commits(base, head)
    its.first_parents(base, head)
    assert not (tmp_path / "ran").exists()


def test_unrelated_histories_cannot_be_judged(repo: Repo, opened: Opener) -> None:
    trusted = repo.commit({"a": "1"})
    head = repo.commit_tree(repo.git("rev-parse", "HEAD^{tree}"))
    its = opened(repo)
    for judge in (its.merge_base, its.merged_tree):
        with pytest.raises(CannotSay, match="no common history"):
            judge(trusted, head)


def test_several_merge_bases_cannot_be_judged(repo: Repo, opened: Opener) -> None:
    root = repo.commit({"a": "1"})
    tree = repo.git("rev-parse", "HEAD^{tree}")
    one, other = (repo.commit_tree(tree, root, message=message) for message in ("One", "Other"))
    left, right = repo.commit_tree(tree, one, other), repo.commit_tree(tree, other, one)
    its = opened(repo)
    for judge in (its.merge_base, its.merged_tree):
        with pytest.raises(CannotSay, match="have 2 merge bases"):
            judge(left, right)


def test_a_shallow_clone_cannot_be_judged(repo: Repo, tmp_path: Path, opened: Opener) -> None:
    base = repo.commit({"metrics/a.yaml": "a: 1\n"})
    head = repo.commit({"metrics/a.yaml": "a: 2\n"})
    clone = tmp_path / "shallow"
    repo.git("clone", "--quiet", "--depth=1", f"file://{repo.folder}", str(clone))
    its = opened(clone)
    for judge in (its.merge_base, its.merged_tree, its.commits, its.first_parents):
        with pytest.raises(CannotSay, match="fetch-depth: 0"):
            judge(base, head)
    assert list(its.tree(head, "metrics").blobs) == ["metrics/a.yaml"]


def test_a_history_with_a_hole_cannot_be_judged(repo: Repo, opened: Opener) -> None:
    oids = [repo.commit({"a": str(i)}) for i in range(4)]
    (repo.folder / ".git/objects" / oids[1][:2] / oids[1][2:]).unlink()
    its = opened(repo)
    calls: list[Callable[[], object]] = [
        lambda: its.merge_base(oids[0], oids[3]),
        lambda: its.merged_tree(oids[0], oids[3]),
        lambda: its.commits(oids[0], oids[3]),
        lambda: its.first_parents(oids[0], oids[3]),
        lambda: its.differences(oids[1], oids[3]),
    ]
    for call in calls:
        with pytest.raises(CannotSay, match="fetch"):
            call()


# --- commits ---


def test_a_commit_tells_who_made_it_and_what_it_changed(repo: Repo, opened: Opener) -> None:
    base = repo.commit({"metrics/é.yaml": "a: 1\n", "metrics/gone.yaml": "x\n"})
    message = (
        "A title\n\nCo-authored-by: Nobody <in@the.body>\n\nText.\n\n"
        "Co-authored-by: Cam <cam@airline.example>\nSigned-off-by: X <x@y>\n"
        "CO-AUTHORED-BY: Ben\n <1002+ben@users.noreply.github.com>\nCo-authored-by: no address\n"
    )
    head = repo.commit({"metrics/é.yaml": "a: 2\n", "metrics/gone.yaml": None}, message, author=ANN, committer=FORGE)
    [commit] = opened(repo).commits(base, head)
    oids = [repo.blob(content) for content in (b"a: 1\n", b"a: 2\n", b"x\n")]
    assert (commit.oid, commit.parents, commit.by_itself) == (head, (base,), False)
    assert (commit.author, commit.committer) == (Identity(*ANN), Identity(*FORGE))
    assert commit.co_authors == (Identity(*CAM), Identity(*BEN), Identity("no address", ""))
    assert commit.differences == (
        (
            Difference("metrics/gone.yaml", "D", "100644", "000000", oids[2], NONE),
            Difference("metrics/é.yaml", "M", "100644", "100644", oids[0], oids[1]),
        ),
    )


def test_commits_on_a_second_parent_and_backdated_ones_are_found(repo: Repo, opened: Opener) -> None:
    old = repo.commit({"a": "1"})
    base = repo.commit({"a": "2"})
    repo.switch("side", old)
    hidden = repo.commit({"b": "1"}, author=CAM, at=1)
    later = repo.commit({"c": "1"}, at=4_000_000_000)
    repo.switch("main")
    head = repo.merge("side")
    its = opened(repo)
    found = {commit.oid: commit for commit in its.commits(base, head)}
    assert set(found) == {hidden, later, head}
    assert found[hidden].author == Identity(*CAM)
    assert found[head].by_itself
    assert its.merge_base(base, later) == old
    assert its.first_parents(base, head) == (head,)
    assert its.first_parents(old, head) == (base, head)
    assert its.first_parents(None, head) == (old, base, head)
    assert its.first_parents(head, head) == ()


def test_a_first_commit_is_compared_with_nothing(repo: Repo, opened: Opener) -> None:
    base = repo.commit({"a": "1"})
    other = repo.commit_tree(repo.tree(("100644", "b", repo.blob(b"2"))), author=CAM)
    head = repo.commit_tree(repo.git("rev-parse", "HEAD^{tree}"), base, other)
    found = {commit.oid: commit for commit in opened(repo).commits(base, head)}
    assert [its.path for its in found[other].differences[0]] == ["b"]
    assert not found[head].by_itself


def merged(repo: Repo) -> tuple[str, str, str]:
    base = repo.commit({"metrics/a.yaml": "a: 1\n"})
    repo.switch("side", base)
    side = repo.commit({"metrics/b.yaml": "b: 1\n"})
    repo.switch("main")
    return base, side, repo.commit({"metrics/c.yaml": "c: 1\n"})


def test_a_merge_that_git_makes_is_told_from_an_evil_one(repo: Repo, opened: Opener) -> None:
    base, side, main = merged(repo)
    good = repo.merge("side")
    tree = repo.git("rev-parse", "HEAD^{tree}")
    repo.write({"metrics/evil.yaml": "evil: 1\n"})
    repo.git("add", "--all")
    evil = repo.commit_tree(repo.git("write-tree"), main, side)
    ours = repo.commit_tree(repo.git("rev-parse", f"{main}^{{tree}}"), main, side)
    third = repo.commit_tree(tree, main, side, base)
    single = repo.commit_tree(tree, main)
    its = opened(repo)
    told = {oid: its.commits(base, oid)[0].by_itself for oid in (good, evil, ours, third, single)}
    assert told == {good: True, evil: False, ours: False, third: False, single: False}
    [first, second] = its.commits(base, evil)[0].differences
    assert [change.path for change in first] == ["metrics/b.yaml", "metrics/evil.yaml"]
    assert [change.path for change in second] == ["metrics/c.yaml", "metrics/evil.yaml"]


def test_a_resolved_conflict_is_somebodys_work(repo: Repo, opened: Opener) -> None:
    trusted, head = conflict(repo)
    resolved = repo.commit_tree(repo.git("rev-parse", f"{head}^{{tree}}"), trusted, head)
    assert not opened(repo).commits(trusted, resolved)[0].by_itself


@pytest.mark.parametrize(
    ("files", "only"),
    [
        ({"metrics/approvals/aa": "1", "metrics/approvals/b/c": "2"}, True),
        ({"metrics/approvals/aa": "1", "metrics/a.yaml": "a: 2\n"}, False),
        ({"metrics/approvals/old": "changed"}, False),
        ({"metrics/approvals/old": None}, False),
        ({"metrics/approvals.yaml": "1"}, False),
        ({"approvals/x": "1"}, False),
        ({}, False),
    ],
)
def test_only_adding_approvals_is_told(repo: Repo, opened: Opener, files: dict[str, str | None], *, only: bool) -> None:
    base = repo.commit({"metrics/a.yaml": "a: 1\n", "metrics/approvals/old": "0"})
    head = repo.commit(files)
    [commit] = opened(repo).commits(base, head)
    assert commit.only_signs("metrics/approvals") is only


def test_a_link_among_approvals_is_not_only_an_approval(repo: Repo, opened: Opener) -> None:
    base = repo.commit({"a": "1"})
    (repo.folder / "approvals").mkdir()
    (repo.folder / "approvals/x").symlink_to("../a")
    [commit] = opened(repo).commits(base, repo.commit({}))
    assert not commit.only_signs("approvals")


def test_a_rename_into_approvals_is_not_only_an_approval(repo: Repo, opened: Opener) -> None:
    base = repo.commit({"metrics/a.yaml": "a: 1\n"})
    head = repo.commit({"metrics/a.yaml": None, "metrics/approvals/a": "a: 1\n"})
    [commit] = opened(repo).commits(base, head)
    assert [its.status for its in commit.differences[0]] == ["D", "A"]
    assert not commit.only_signs("metrics/approvals")


ANY = b"author Ann <a@b> 1 -0000\n"
BY = b"committer C <c@d> 1 -0000\n"


@pytest.mark.parametrize(
    ("header", "author"),
    [
        (ANY + BY + b"encoding UTF-16\n", ("Ann", "a@b")),
        # `git log` makes a NUL of +AAA-, and a line of +AAo-, where it is told that this is UTF-7.
        (b"author +AAA- <a+AAA-@b> 1 -0000\n" + BY + b"encoding UTF-7\n", ("+AAA-", "a+AAA-@b")),
        (b"author X+AAo-author Y <a@b> 1 -0000\n" + BY + b"encoding UTF-7\n", ("X+AAo-author Y", "a@b")),
        (b"author \xe9 <\xe9@b> 1 -0000\n" + BY + b"encoding ISO-8859-1\n", ("\\xe9", "\\xe9@b")),
        (b"author <a@b> 1 -0000\n" + BY, ("", "a@b")),
        (b"author Ann <a@b>\n" + BY + b"gpgsig -----BEGIN\n author Evil <e@f> 1 -0000\n", ("Ann", "a@b")),
    ],
)
def test_a_commit_is_read_as_its_bytes_are(repo: Repo, opened: Opener, header: bytes, author: tuple[str, str]) -> None:
    base = repo.commit({"a": "1"})
    tree = repo.git("rev-parse", "HEAD^{tree}")
    odd = repo.raw_commit(f"tree {tree}\nparent {base}\n".encode() + header + b"\nM+AAA-\0\n")
    head = repo.commit_tree(tree, odd, author=CAM)
    [own, its] = opened(repo).commits(base, head)
    assert (own.oid, own.author, own.co_authors) == (head, Identity(*CAM), ())
    assert (its.oid, its.tree, its.author, its.committer) == (odd, tree, Identity(*author), Identity("C", "c@d"))


@pytest.mark.parametrize(
    "header",
    [
        BY,
        ANY,
        BY + ANY,
        ANY + ANY + BY,
        ANY + BY + ANY,
        ANY + BY + b"encoding x\nauthor E <e@f> 1 -0000\n",
        ANY + BY + b"parent " + b"a" * 40 + b"\n",
        b"author Ann\0 <a@b> 1 -0000\n" + BY,
        b"author Ann a@b 1 -0000\n" + BY,
        b"author Ann <a@b> <e@f> 1 -0000\n" + BY,
        b"author Ann <a@b <e@f> 1 -0000\n" + BY,
        ANY + BY + b"x" * (1 << 20) + b"\n",
    ],
)
def test_a_commit_that_two_readers_could_take_for_two_cannot_be_judged(
    repo: Repo, opened: Opener, header: bytes
) -> None:
    base = repo.commit({"a": "1"})
    tree = repo.git("rev-parse", "HEAD^{tree}")
    odd = repo.raw_commit(f"tree {tree}\nparent {base}\n".encode() + header + b"\nM\n")
    with pytest.raises(CannotSay, match=f"commit {odd} cannot be read"):
        opened(repo).commits(base, odd)


@pytest.mark.parametrize(
    ("message", "names"),
    [
        (b"T\n\nCo-authored-by: A <a@b>", ["A"]),
        (b"T\n\n---\n\nText.\n\nCo-authored-by: A <a@b>\n", ["A"]),
        (b"T\n\nco-AUTHORED-by:A<a@b>\nCo-authored-by: B\n  <c@d>\n", ["A", "B"]),
        (b"T\n\nCo-authored-by: A <a@b>\n\nThe last paragraph has none.\n", []),
        (b"Co-authored-by: a title\n", []),
        (b"T\n\nX-Co-authored-by: A <a@b>\n", []),
        (b"", []),
    ],
)
def test_co_authors_are_trailers_as_git_knows_them(
    repo: Repo, opened: Opener, message: bytes, names: list[str]
) -> None:
    base = repo.commit({"a": "1"})
    tree = repo.git("rev-parse", "HEAD^{tree}")
    odd = repo.raw_commit(f"tree {tree}\nparent {base}\n".encode() + ANY + BY + b"\n" + message)
    [commit] = opened(repo).commits(base, odd)
    assert [its.name for its in commit.co_authors] == names


@pytest.mark.parametrize("printed", ["", "a b\n", f"{NONE} {NONE}\nx", f"{NONE} {NONE}\n{NONE} {NONE}\n"])
def test_differences_of_other_trees_are_refused(printed: str) -> None:
    with pytest.raises(ValueError, match="differences"):
        read_differences(printed.encode(), [(NONE, NONE)])


def test_a_name_is_what_the_commit_says_and_not_what_a_mailmap_makes_of_it(repo: Repo, opened: Opener) -> None:
    base = repo.commit({".mailmap": "Ann <ann@airline.example> <mallory@evil.example>\n"})
    mallory = Person("Mallory", "mallory@evil.example")
    head = repo.commit({"a": "1"}, author=mallory)
    assert opened(repo).commits(base, head)[0].author == Identity(*mallory)


def test_differences_of_the_whole_repository_show_modes_and_paths_as_they_are(repo: Repo, opened: Opener) -> None:
    repo.write({"CODEOWNERS": "* @a\n", ".github/workflows/gate.yml": "on: push\n", "run": "x"})
    before = repo.commit({".gitattributes": "* -diff linguist-generated\n"})
    (repo.folder / "run").chmod(0o755)
    after = repo.commit({"CODEOWNERS": "* @b\n", ".github/workflows/gate.yml": None, "ü\t": "1"})
    found = opened(repo).differences(before, after)
    assert [(its.path, its.status) for its in found] == [
        (".github/workflows/gate.yml", "D"), ("CODEOWNERS", "M"), ("run", "M"), ("ü\t", "A"),
    ]  # fmt: skip
    assert (found[2].mode_before, found[2].mode_after) == ("100644", "100755")
