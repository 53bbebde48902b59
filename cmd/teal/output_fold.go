package main

import (
	"fmt"
	"strings"
	"time"
)

// folding is how a CI system groups lines, and how it is told of an error. What
// its methods answer are whole lines, or empty. They are pure.
type folding interface {
	open(name, title string, at time.Time) string
	close(name string, at time.Time) string
	fail(reason string) string
}

// foldingOf is the folding of the CI system that the command runs in.
func foldingOf(env func(string) string) folding {
	switch {
	case env("GITHUB_ACTIONS") == "true":
		return githubFolding{}
	case env("GITLAB_CI") == "true":
		return gitlabFolding{}
	case env("TEAMCITY_VERSION") != "":
		return teamcityFolding{}
	case strings.EqualFold(env("TF_BUILD"), "true"):
		return azureFolding{}
	}
	return unfolded{}
}

// unfolded groups nothing.
type unfolded struct{}

func (unfolded) open(string, string, time.Time) string { return "" }
func (unfolded) close(string, time.Time) string        { return "" }
func (unfolded) fail(reason string) string             { return "teal: " + reason + "\n" }

// githubFolding is that of GitHub Actions and what imitates it.
type githubFolding struct{}

func (githubFolding) open(_, title string, _ time.Time) string {
	return "::group::" + oneLine(title) + "\n"
}
func (githubFolding) close(string, time.Time) string { return "::endgroup::\n" }
func (githubFolding) fail(reason string) string {
	return "::error title=teal::" + strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(reason) + "\n"
}

// gitlabFolding is that of GitLab's job logs.
type gitlabFolding struct{}

func (gitlabFolding) open(name, title string, at time.Time) string {
	return fmt.Sprintf("\x1b[0Ksection_start:%d:%s\r\x1b[0K%s\n", at.Unix(), name, oneLine(title))
}

func (gitlabFolding) close(name string, at time.Time) string {
	return fmt.Sprintf("\x1b[0Ksection_end:%d:%s\r\x1b[0K\n", at.Unix(), name)
}
func (gitlabFolding) fail(reason string) string { return unfolded{}.fail(reason) }

// teamcityFolding is that of TeamCity's build logs.
type teamcityFolding struct{}

func (teamcityFolding) open(name, title string, _ time.Time) string {
	return fmt.Sprintf("##teamcity[blockOpened name='%s' description='%s']\n", teamcityEscape(name), teamcityEscape(title))
}

func (teamcityFolding) close(name string, _ time.Time) string {
	return fmt.Sprintf("##teamcity[blockClosed name='%s']\n", teamcityEscape(name))
}

func (teamcityFolding) fail(reason string) string {
	return fmt.Sprintf("##teamcity[message text='%s' status='ERROR']\n", teamcityEscape("teal: "+reason))
}

func teamcityEscape(text string) string {
	return strings.NewReplacer("|", "||", "'", "|'", "[", "|[", "]", "|]", "\n", "|n", "\r", "|r").Replace(text)
}

// azureFolding is that of Azure Pipelines.
type azureFolding struct{}

func (azureFolding) open(_, title string, _ time.Time) string {
	return "##[group]" + oneLine(title) + "\n"
}
func (azureFolding) close(string, time.Time) string { return "##[endgroup]\n" }
func (azureFolding) fail(reason string) string      { return "##[error]teal: " + oneLine(reason) + "\n" }

func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") }
