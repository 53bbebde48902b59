package deployer

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A rollback to a kept release may find that a flip will do, which a person waits for.
func TestWhatIsDoneByHandAmidADeploymentInsistsAsBriefly(t *testing.T) {
	d := New(Options{}).patiently()
	require.Equal(t, DefaultInsist, d.opt.Store.(patientStore).patience)
	s := d.byHand().opt.Store.(patientStore)
	require.Equal(t, insistByHand, s.patience)
	_, twice := s.Store.(patientStore)
	require.False(t, twice)

	s = New(Options{Insist: time.Second}).byHand().opt.Store.(patientStore)
	require.Equal(t, time.Second, s.patience)
}
